"""What maintainers are told to look at, and that honest results raise no doubt."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leaderboard.__main__ import main
from leaderboard.analysis.look import PAPER
from leaderboard.data.published import read_published
from leaderboard.data.results import MEAN, Results, Row, read_folder, write_results
from leaderboard.pages.access import Access
from leaderboard.pages.context import BoardContext
from leaderboard.pages.review.events import ReviewEvents
from leaderboard.pages.review.words import details_html
from leaderboard.store.database import open_store
from leaderboard.submissions import doubts
from leaderboard.submissions.checks import score_ceiling
from leaderboard.submissions.doubts import bitstream_doubts, doubts_of, name_doubts, result_doubts
from leaderboard.submissions.flags import flags_of
from leaderboard.submissions.inspection import inspect
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import DatasetShape
from tests.support import board_submissions
from tests.support.store_samples import send

KODAK = DatasetShape.kodak()


@cache
def board() -> dict[str, Results]:
    return {each.name: each for each in read_folder(doubts.RESULTS / "kodak")}


def changed(name: str, change: Callable[[int, Row], dict[str, Any]]) -> Results:
    """A codec's results with other values, as another method's; change is told a row's place."""
    rows = []
    for place, row in enumerate(board()[name].rows):
        row = replace(row, **change(place, row))
        if row.bytes is not None:
            row = replace(row, bpp=round(8 * row.bytes / KODAK.pixels(row.image), 6))
        rows.append(row)
    return Results("another", "", "kodak", tuple(rows), {"kind": "self-reported"})


def told(results: Results) -> str:
    return "\n".join(result_doubts(results, list(board().values())))


OTHERS = ("bpg", "bpg444", "jpeg", "jxl", "webp", "avif")


@pytest.mark.parametrize("name", [*OTHERS, "published"])
def test_honest_results_raise_no_doubt(name):
    """Neither does any codec of others beside the rest of the board, nor a published curve."""
    own = read_published(dataset="kodak") if name == "published" else [board()[name]]
    same_encoder = {name, "heic"} if name == "bpg" else {name}
    rest = [codec for codec in board().values() if codec.name not in same_encoder]
    for results in own:
        assert list(result_doubts(results, rest)) == [], results.name


WEIGHTED = ("si_ssim", "si_ssim_2", "top_ssim", "top_ssim_2")


def test_rows_of_a_codec_under_another_name():
    said = told(changed("avif", lambda place, row: {}))
    assert "Equal to avif: bytes at 11/11, PSNR at 11/11, MS-SSIM at 11/11" in said
    rounded = changed("avif", lambda place, row: {"psnr": round(row.psnr, 2), "ssim": None})
    assert "Equal to avif: bytes at 11/11, PSNR at 11/11" in told(rounded)
    noise = np.random.default_rng(0).normal(0, 0.05, 264)
    own = changed(
        "avif",
        lambda place, row: {
            "bytes": round((row.bytes or 0) * np.exp(noise[place])),
            "psnr": row.psnr + 5 * noise[place],
            **dict.fromkeys(("ms_ssim", "ssim", *WEIGHTED, "ssimulacra2", "lpips")),
        },
    )
    assert "avif" not in told(own)


def test_a_codecs_bytes_halved_or_scores_raised():
    halved = changed("bpg", lambda place, row: {"bytes": (row.bytes or 0) // 2})
    assert "In constant ratio or distance to bpg: bytes at 10/10 qualities." in told(halved)
    raised = changed("bpg", lambda place, row: {"psnr": row.psnr + 0.7})
    assert "In constant ratio or distance to bpg: PSNR at 10/10 qualities." in told(raised)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda place, row: {"bytes": 20_000 + place % 3}, "All pictures have nearly one size"),
        (lambda place, row: {"psnr": 35 + place % 2 / 10}, "PSNR: hardly any spread"),
        (lambda place, row: {"psnr": 44.0, "ssim": 0.01}, "PSNR 44 and SSIM 0.01"),
        (lambda place, row: {"ms_ssim": 0.9999, "ssim": 0.6}, "MS-SSIM 0.9999 and SSIM 0.6"),
        (lambda place, row: {"psnr": row.psnr + 4.5}, "PSNR is far above everything"),
        (lambda place, row: {"bytes": 1 + place % 4}, "16 bytes or fewer in 264 of 264 points"),
    ],
)
def test_numbers_that_no_codec_gives(change, message):
    assert message in told(changed("avif", change))


def test_scores_just_under_the_ceilings():
    results = changed("avif", lambda place, row: {})
    rows = [
        replace(row, psnr=score_ceiling("psnr", row.bpp) - 0.3)
        for row in results.rows
        if row.bpp < 3
    ]
    said = told(replace(results, rows=tuple(rows)))
    assert f"PSNR is just under what is believed at its rate in {len(rows)} of" in said


def test_means_of_a_codec_under_another_name():
    means = board()["avif"].means()
    rows = [
        Row(MEAN, quality, None, round(bpp, 3), *(None,) * 4, round(psnr, 2), *(None,) * 6)
        for quality, (bpp, psnr) in enumerate(zip(means["bpp"], means["psnr"], strict=True))
    ]
    said = told(Results("another", "", "kodak", tuple(rows)))
    assert said == "Equal to avif: 11 of 11 means."


def test_lossless_results_raise_no_doubt():
    perfect: dict[str, Any] = {"psnr": math.inf, "ms_ssim": 1.0, "ssim": 1.0}
    results = changed("jxl", lambda place, row: perfect | dict.fromkeys(WEIGHTED, 1.0))
    size = {n: 500_000 + 30_000 * i for i, n in enumerate(results.images)}
    rows = [
        replace(row, bytes=size[row.image], bpp=8 * size[row.image] / (768 * 512))
        for row in results.rows
        if row.quality == results.qualities[0]
    ]
    assert "Only 1 of the 4 points" in told(replace(results, rows=tuple(rows)))
    few = [
        replace(row, quality=q, bytes=row.bytes + q, bpp=row.bpp + q * 1e-4)
        for row in rows
        for q in range(4)
    ]
    assert list(flags_of(replace(results, rows=tuple(few)))) == []


def curve(points: list[tuple[int, float]]) -> Results:
    """One picture's bytes and PSNR."""
    rows = [
        Row("kodim01", quality, size, 8 * size / (768 * 512), *(None,) * 4, psnr, *(None,) * 6)
        for quality, (size, psnr) in enumerate(points)
    ]
    return Results("another", "", "kodak", tuple(rows))


def test_many_points_within_a_few_bytes():
    said = told(curve([(20_000 + each, 24 + each / 1000) for each in range(60)]))
    assert "59 of the 60 points of kodim01 have almost the rate of the one before." in said
    assert told(curve([(5_000, 21.0), (10_000, 23.0), (10_008, 23.0), (20_000, 25.0)])) == ""


def test_a_leap():
    said = told(curve([(10_000, 22.0), (11_000, 42.0), (20_000, 43.0)]))
    assert "The PSNR of kodim01 leaps by 20.0 dB from 0.2035 to 0.2238 bpp (1 in all)" in said


def random(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda n: bytes(500 + n), "are one byte again and again"),
        (lambda n: bytes(500 + n), "can be packed to much less"),
        (lambda n: b"constant" + n.to_bytes(4, "big"), "are mostly those of another picture"),
        (lambda n: random(0, 900) + random(n, 100), "are mostly those of another picture"),
        (lambda n: b"".join(i.to_bytes(4, "big") for i in range(n, n + 200)), "can be packed"),
        (lambda n: bytes(b % 4 for b in random(n, 2000)), "can be packed to much less"),
    ],
)
def test_bitstreams_that_hold_no_picture(make, message):
    files = {("6", f"kodim{number:02}"): make(number) for number in range(1, 25)}
    assert any(message in each for each in bitstream_doubts(files))


def test_bitstreams_of_a_codec_raise_no_doubt():
    files = {
        (str(quality), image): data
        for (image, quality), (data, _) in board_submissions.coded().items()
    }
    (said,) = bitstream_doubts(files)  # of JPEG, by which they were made
    assert "bitstreams are JPEG files: sent alone, they are decoded here" in said
    assert list(bitstream_doubts({key: b"x" + data for key, data in files.items()})) == []


def archive(folder: Path, make: Callable[[int], bytes]) -> Path:
    path = folder / "sent.zip"
    with zipfile.ZipFile(path, "w") as made:
        for number in range(1, 25):
            made.writestr(f"mine/bitstreams/6/kodim{number:02}.bin", make(number))
            made.writestr(f"mine/reconstructions/6/kodim{number:02}.png", bytes(1000))
            made.writestr(f"__MACOSX/bitstreams/6/._kodim{number:02}.bin", bytes(99))
    return path


def test_an_archives_bitstreams_are_looked_at(tmp_path):
    entry: Any = SimpleNamespace(id=1, kind="recomputed", dataset="kodak", method=Method("mine"))

    @contextmanager
    def upload(number: int) -> Iterator[Path]:
        yield tmp_path / "sent.zip"

    store: Any = SimpleNamespace(upload=upload, entries=lambda states, dataset: [])
    archive(tmp_path, bytes)
    assert doubts_of(entry, None, store)[0] == (
        "23 of 24 bitstreams are one byte again and again, first kodim02 at quality 6."
    )
    archive(tmp_path, lambda n: random(n, 5000))
    assert doubts_of(entry, None, store) == ()
    (tmp_path / "sent.zip").write_bytes(b"PK no archive")
    (said,) = doubts_of(entry, None, store)
    assert said.startswith("Its bitstreams could not be looked at: ") and "\n" not in said


def test_doubts_stand_beside_the_entry(tmp_path, monkeypatch, capsys):
    """On the page and on the command line; what is taken and what is refused stays the same."""
    url = f"sqlite:///{tmp_path / 'board.db'}"
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", url)
    store = open_store(url)
    path = tmp_path / "results.json"
    write_results(changed("avif", lambda place, row: {}), path)
    method = Method("My own", authors="A. B.", contact="a@example.org", dataset="kodak")
    entry = store.add(inspect(path, method, KODAK), path, submitter="somebody").entry
    assert entry.state == "pending" and entry.incomplete == ()
    shown = ReviewEvents(BoardContext(lambda: store, Access("")))._details(entry.id)[0]
    assert "Look at this before you decide" in shown and "<li>Equal to avif: bytes" in shown
    assert main(["review", "show", "1"]) == 0
    assert "look at this before you decide:\n  Equal to avif: bytes" in capsys.readouterr().out
    assert main(["review", "show", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["doubts"][0].startswith("Equal to avif")
    html = details_html(entry, "", None, [], ["<img src=x>"])
    assert "<li>&lt;img src=x&gt;</li>" in html
    assert "Look at this" not in details_html(entry, "", None, [])
    send(store, tmp_path, b"no archive", kind="recomputed")
    assert main(["review", "show", "2"]) == 0
    assert "Its bitstreams could not be looked at" in capsys.readouterr().out
    store.close()


def test_flags_of_readers():
    """What codecs and published curves never are, and what readers are told of a submission."""
    for results in [*board().values(), *read_published(dataset="kodak")]:
        found = list(flags_of(results))
        if results.name in PAPER:  # sends as many bits of every picture, and should be asked why
            found = [flag for flag in found if "nearly one size" not in flag]
        assert found == [], results.name
    same = changed("avif", lambda place, row: {"psnr": row.psnr + 15})
    assert any("Nearly identical to the original" in flag for flag in flags_of(same))
    disorder = changed(  # at one setting, half of the pictures have four times their bytes
        "avif", lambda n, row: {"bytes": row.bytes << (2 if row.quality == 14 and n % 2 else 0)}
    )
    said = "\n".join(flags_of(disorder))
    assert "Rates do not rise from setting to setting" in said


def entry(id: int, name: str, replaces: int | None = None) -> Any:
    return SimpleNamespace(id=id, method=Method(name), replaces=replaces)


def test_names_that_look_alike():
    others = [entry(1, "Wavelets"), entry(2, "Something else"), entry(3, "wave lets")]
    assert list(name_doubts(entry(3, "wave lets"), others)) == [
        "Its name looks like that of entry 1, 'Wavelets'."
    ]
    cyrillic = "W\u0430velets"
    assert len(list(name_doubts(entry(4, cyrillic), others))) == 2
    assert list(name_doubts(entry(5, "Wavelets", replaces=1), others[:2])) == []
    assert list(name_doubts(entry(6, "Wavelets"), others[:1])) == [
        "Its name is that of entry 1, 'Wavelets'."
    ]


def test_bitstreams_that_could_be_decoded():
    files = {("1", "kodim01"): b"\xff\xd8\xff\xe0" + bytes(range(60)), ("1", "kodim02"): b"x" * 9}
    assert any("1 of 2 bitstreams are JPEG files" in told for told in bitstream_doubts(files))
