"""Honest submissions with bytes changed at random: accepted or refused, never anything else."""

from __future__ import annotations

import json
import random
import zipfile

import pytest

from leaderboard.data.problems import Rejected
from leaderboard.submissions.inspection import KINDS, carried_description, inspect
from leaderboard.submissions.method import Method
from tests.support.submitted import KODAK, METHOD, csv_of, json_of, pairs, rows, semcs, zip_of

ROUNDS = 150
TOKENS = (
    *(
        b"NaN",
        b"1e999",
        b"null",
        b"[]",
        b"{}",
        b'""',
        b"-",
        b",",
        b'"',
        b"\n",
        b"(mean)",
        b"9" * 50,
    ),
    *(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"..", b"/", b"\0" * 4, b"\xff" * 4),
)
HONEST = {
    "csv": lambda: csv_of(rows()).encode(),
    "json": lambda: json_of(rows(), method=METHOD).encode(),
    "means": lambda: json.dumps({"results": {"bpp": [0.1, 0.2], "psnr": [28, 30]}}).encode(),
    "pictures": lambda: zip_of(pairs(("kodim01",))),
    "stored": lambda: zip_of(pairs(("kodim01",)), zipfile.ZIP_STORED),
    "semc": lambda: zip_of(semcs(("kodim01",)), zipfile.ZIP_STORED),
}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """A few bytes changed, taken out, put in or doubled; of archives often in the directory."""
    spoilt = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        late = data.startswith(b"PK") and dice.random() < 0.6
        at = dice.randrange(max(0, len(spoilt) - 1200) if late else 0, len(spoilt))
        token = dice.choice(TOKENS)
        match dice.randrange(5):
            case 0:
                spoilt[at] = dice.randrange(256)
            case 1:
                spoilt[at : at + len(token)] = token
            case 2:
                spoilt[at:at] = token
            case 3 if len(spoilt) > 100:
                del spoilt[at : at + dice.choice((1, 4, 50))]
            case _:
                spoilt[at:at] = spoilt[at : at + 30]
    return bytes(spoilt)


@pytest.mark.parametrize("name", HONEST)
def test_damage_is_never_a_crash(name, tmp_path):
    path = tmp_path / "upload"
    data, dice = HONEST[name](), random.Random(name)
    path.write_bytes(data)
    assert inspect(path, Method("whole"), KODAK).kind in KINDS
    refused = 0
    for _ in range(ROUNDS):
        path.write_bytes(damaged(data, dice))
        for look in (carried_description, lambda path: inspect(path, Method("spoilt"), KODAK)):
            try:
                look(path)
            except Rejected as error:
                refused += 1
                assert all(line.isprintable() for line in str(error).splitlines())
    assert refused > ROUNDS // 4
