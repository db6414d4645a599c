"""The same submission in another file: packed anew, formatted anew, in another order."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from leaderboard.store.database import Duplicate, Store
from leaderboard.submissions.inspection import Inspected, inspect
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import DatasetShape
from tests.support.board_submissions import method, re_decoded, recomputed, rows, self_reported

TINY = DatasetShape("tiny", {"cat": (112, 96), "cup": (112, 96)})


def look(folder: Path, name: str, data: bytes, called: str = "First") -> tuple[Path, Inspected]:
    path = folder / name
    path.write_bytes(data)
    return path, inspect(path, Method.from_json(method(called)), TINY)


def packed_anew(data: bytes, folder: str = "") -> bytes:
    """The same members, stored instead of deflated, in another order and of another year."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in reversed(old.namelist()):
            info = zipfile.ZipInfo(folder + name, (2001, 2, 3, 4, 5, 6))
            new.writestr(info, old.read(name))
    return made.getvalue()


def with_another_text(data: bytes) -> bytes:
    """A ZIP whose PNGs have the same pixels and a text."""
    made = io.BytesIO()
    text = b"tEXt" + b"Comment\0mine"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            if name.endswith(".png"):
                member = member[:33] + chunk + member[33:]  # after the header
            new.writestr(name, member)
    return made.getvalue()


def as_json() -> bytes:
    """`self_reported` as JSON, its rows in another order, with times."""
    images = [
        {
            "image": f"{row.image}.png",
            "quality": float(row.quality),
            "bytes": row.bytes,
            "psnr": row.psnr,
            "ssim": row.ssim,
            "encode_s": 0.5,
        }
        for row in reversed(rows())
    ]
    return json.dumps({"dataset": "tiny", "images": images}, indent=3).encode()


FORMS: dict[str, tuple[Callable[[], bytes], Callable[[], bytes]]] = {
    "csv": (self_reported, lambda: self_reported().replace(b",", b";").replace(b"\n", b"\r\n")),
    "json": (self_reported, as_json),
    "pictures": (recomputed, lambda: packed_anew(recomputed())),
    "folder": (recomputed, lambda: packed_anew(recomputed(), "mine/")),
    "text": (recomputed, lambda: with_another_text(recomputed())),
    "semc": (re_decoded, lambda: packed_anew(re_decoded())),
}


@pytest.mark.parametrize("form", FORMS)
def test_another_file_with_the_same_contents_is_refused(
    form: str, store: Store, tmp_path: Path
) -> None:
    first, second = (make() for make in FORMS[form])
    path, found = look(tmp_path, "first", first)
    other_path, other = look(tmp_path, "second", second, "Another name")
    assert other.digest != found.digest and other.content == found.content
    receipt = store.add(found, path, submitter="a")
    with pytest.raises(Duplicate, match="this very file is waiting for review already"):
        store.add(other, other_path, submitter="b")
    newer = store.add(other, other_path, submitter="a", replaces=receipt.token)
    assert store.lookup(receipt.token).state == "superseded"
    store.withdraw(newer.token)
    store.add(found, path, submitter="c")  # nobody has it any more


def test_what_differs_is_another_submission(store: Store, tmp_path: Path) -> None:
    made = [self_reported(), self_reported(1), recomputed(), re_decoded()]
    cut = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(re_decoded())) as old, zipfile.ZipFile(cut, "w") as new:
        for name in old.namelist():
            if not name.startswith("6/cup"):
                new.writestr(name, old.read(name))
    made.append(cut.getvalue())
    contents = set()
    for number, data in enumerate(made):
        path, found = look(tmp_path, f"file{number}", data)
        contents.add(found.content)
        store.add(found, path, submitter="a")
    assert len(contents) == len(made) and all(len(each) == 64 for each in contents)


def test_a_rejected_one_is_not_approved_beside_its_double(store: Store, tmp_path: Path) -> None:
    path, found = look(tmp_path, "first", self_reported())
    first = store.add(found, path, submitter="a").entry.id
    store.reject(first, "me", "a test")
    path, other = look(tmp_path, "second", as_json())
    second = store.add(other, path, submitter="a").entry.id
    with pytest.raises(Duplicate, match=f"entry {second} is the very same file"):
        store.approve(first, "me")
    store.approve(second, "me")
