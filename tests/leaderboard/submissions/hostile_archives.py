"""Hostile archives: directories that lie, climb out, grow or hide, whatever the files in them."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable

from tests.leaderboard.submissions.hostile_cases import Hostile
from tests.leaderboard.submissions.hostile_zips import (
    absurd_directory,
    bomb,
    count,
    damaged,
    encrypted,
    folders,
    grown,
    huge_directory,
    lying,
    many,
    mode,
    nul_name,
    overlapping,
    plus,
    renamed,
    split,
    twice,
    unlisted,
)
from tests.support.submitted import pairs, semcs, zip_of


def _case(name: str, message: str, make: Callable[[], bytes]) -> Hostile:
    return Hostile(name, make, message)


_INSIDE = "a path inside the archive"
_WHOLE = "a whole, readable ZIP"

ARCHIVES = [
    _case(
        "a path that climbs out",
        f"'../../../root/.ssh/authorized_keys': found a path that climbs out; expected {_INSIDE}",
        plus(("../../../root/.ssh/authorized_keys", b"key")),
    ),
    _case(
        "a path that climbs out halfway",
        "'bitstreams/1/../../../x.bin': found a path that climbs out; expected a path inside the "
        "archive",
        plus(("bitstreams/1/../../../x.bin", b"x")),
    ),
    _case(
        "an absolute path",
        f"'/etc/cron.d/job': found an absolute path; expected {_INSIDE}",
        plus(("/etc/cron.d/job", b"x")),
    ),
    _case(
        "a drive",
        f"'C:/Windows/evil.dll': found an absolute path; expected {_INSIDE}",
        plus(("C:/Windows/evil.dll", b"x")),
    ),
    _case(
        "backslashes",
        r"'..\\..\\evil.exe': found a backslash in the name; expected folders separated by /",
        plus(("..\\..\\evil.exe", b"x")),
    ),
    _case(
        "a symbolic link",
        "'bitstreams/1/kodim03.bin': found a symbolic link; expected the file itself",
        plus(mode("bitstreams/1/kodim03.bin", stat.S_IFLNK | 0o777)),
    ),
    _case(
        "a device",
        "'bitstreams/1/kodim03.bin': found a device or other special file; expected plain files "
        "only",
        plus(mode("bitstreams/1/kodim03.bin", stat.S_IFCHR | 0o666, b"")),
    ),
    _case(
        "a pipe",
        "'bitstreams/1/kodim03.bin': found a device or other special file; expected plain files "
        "only",
        plus(mode("bitstreams/1/kodim03.bin", stat.S_IFIFO | 0o666, b"")),
    ),
    _case(
        "a password",
        "'4/kodim02.semc': found an encrypted file; expected an archive without a password",
        encrypted,
    ),
    _case(
        "a name twice",
        "'4/kodim02.semc': found a name that comes twice; expected each name once",
        twice,
    ),
    _case(
        "a name twice in other letters",
        "'4/KODIM02.semc': found a name that comes twice; expected each name once",
        lambda: zip_of([*semcs().items(), ("4/KODIM02.semc", b"another")]),
    ),
    _case(
        "a zip bomb",
        "'1/kodim01.semc': found 64.0 MiB when unpacked; expected at most 100 times its "
        "packed size",
        bomb,
    ),
    _case(
        "a bomb of many files",
        "file: found 1,025.0 MiB when unpacked; expected at most 1,024.0 MiB",
        grown,
    ),
    _case(
        "files that share their data",
        "'1/kodim01.semc': found data that overlap another file's; expected an archive whose files "
        "have their own data",
        overlapping,
    ),
    _case(
        "a file larger than it says",
        "kodim01, '1/kodim01.semc': found damage (\"Bad CRC-32 for file '1/kodim01.semc'\"); "
        f"expected {_WHOLE}",
        lying,
    ),
    _case(
        "too many files",
        "file: found 10,001 files and folders; expected at most 10,000",
        many,
    ),
    _case(
        "a count that lies",
        "file: found 65,535 files and folders; expected at most 10,000",
        lambda: count(65535),
    ),
    _case(
        "an absurd count",
        "file: found 1,000,000,000,000,000,000 files and folders; expected at most 10,000",
        absurd_directory,
    ),
    _case(
        "more files than it claims",
        "file: found a directory of 8 files that claims 1; expected a usual ZIP",
        lambda: count(1),
    ),
    _case(
        "a huge directory",
        "file: found a directory of 2,048.0 MiB; expected a usual ZIP",
        huge_directory,
    ),
    _case(
        "an archive cut short",
        "file: found damage ('its directory is missing; the upload may be cut short'); expected "
        f"{_WHOLE}",
        lambda: zip_of(pairs())[:2000],
    ),
    _case(
        "a changed byte",
        "kodim01, 'bitstreams/1/kodim01.bin': found damage (\"Bad CRC-32 for file "
        f"'bitstreams/1/kodim01.bin'\"); expected {_WHOLE}",
        damaged,
    ),
    _case(
        "two names for one file",
        "kodim01, '1/kodim01.semc': found damage (\"File name in directory '1/kodim01.semc' and "
        f"header b'9/kodim01.semc' differ.\"); expected {_WHOLE}",
        renamed,
    ),
    _case(
        "a name that ends early",
        "'bitstreams/1/kodim03\\x00bin': found a name with control characters; expected "
        "plain names",
        nul_name,
    ),
    _case(
        "a name that rings",
        "'bitstreams/1/\\x1b[2Jkodim03.bin': found a name with control characters; expected plain "
        "names",
        plus(("bitstreams/1/\x1b[2Jkodim03.bin", b"x")),
    ),
    _case(
        "a name without end",
        f"'bitstreams/1/{'k' * 63}...: found a name of 313 characters; expected at most 200",
        plus((f"bitstreams/1/{'k' * 300}", b"x")),
    ),
    _case(
        "another compression",
        "'1/kodim01.semc': found compression method 14; expected deflate, or none (stored)",
        lambda: zip_of(semcs(), zipfile.ZIP_LZMA),
    ),
    _case(
        "a split archive",
        "file: found a part of a split archive; expected one whole ZIP",
        split,
    ),
    _case(
        "an empty archive",
        "file: found an archive without files; expected pictures or .semc files",
        lambda: zip_of({}),
    ),
    _case(
        "an archive that lists nothing",
        "file: found an archive without files; expected pictures or .semc files",
        unlisted,
    ),
    _case(
        "a file without a name",
        "'\\x00hidden': found a name with control characters; expected plain names",
        lambda: plus(("=hidden", b"x"))().replace(b"=hidden", b"\0hidden"),
    ),
    _case(
        "folders alone",
        "file: found an archive without files; expected pictures or .semc files",
        folders,
    ),
    _case(
        "an archive in the archive",
        "file: found 'bitstreams/1/more.zip'; expected the files themselves, not archives within "
        "the archive",
        plus(("bitstreams/1/more.zip", zip_of(semcs()))),
    ),
    _case(
        "an office document",
        "file: found an office document or program; expected a results file as CSV or JSON (from a "
        "spreadsheet: save as CSV), or a ZIP",
        lambda: zip_of({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}),
    ),
]
