"""Hostile archives: directories that lie, climb out, grow or hide, whatever the files in them."""

from __future__ import annotations

import io
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable

import pytest

from tests.support.hostile import Hostile
from tests.support.submitted import pairs, semcs, zip_of

_END = b"PK\x05\x06"
_ENTRY = b"PK\x01\x02"


def _plus(*members: tuple[str | zipfile.ZipInfo, bytes]) -> Callable[[], bytes]:
    """An honest archive with more members."""
    return lambda: zip_of([*pairs().items(), *members])


def _mode(name: str, mode: int, data: bytes = b"/etc/passwd") -> tuple[zipfile.ZipInfo, bytes]:
    """A member of a kind that `stat` names, as Unix packers store it."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info, data


def _patched(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """An archive with bytes changed behind the last place where a mark stands."""
    at = data.rindex(mark) + offset
    return data[:at] + value + data[at + len(value) :]


def _twice() -> bytes:
    """Two members of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of the very thing that is tried
        return zip_of([*semcs().items(), ("4/kodim02.semc", b"another")])


def _count(members: int) -> bytes:
    """An archive whose end claims a number of members."""
    return _patched(zip_of(semcs()), _END, 8, struct.pack("<2H", members, members))


def _absurd_directory() -> bytes:
    """An archive whose 64-bit end record claims more members than there are grains of sand."""
    data = zip_of(semcs())
    at = data.rindex(_END)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**18, 10**18, 100, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    return data[:at] + wide + locator + data[at:]


def _lying() -> bytes:
    """A member that unpacks to more than it declares, in both of its headers."""
    data = zip_of({"1/kodim01.semc": bytes(1 << 20)})
    for mark, offset in ((_ENTRY, 24), (b"PK\x03\x04", 22)):
        data = _patched(data, mark, offset, struct.pack("<L", 1000))
    return data


def _overlapping() -> bytes:
    """Two members that share their data: the second entry points into the first's."""
    data = zip_of(
        {"1/kodim01.semc": b"a" * 5000, "1/kodim02.semc": b"b" * 5000}, zipfile.ZIP_STORED
    )
    first = struct.pack("<L", 0)
    return _patched(data, _ENTRY, 42, first)


def _damaged() -> bytes:
    """A byte of a stored member changed."""
    members = pairs()
    data = zip_of(members, zipfile.ZIP_STORED)
    at = data.index(b"kodim01.bin" + members["bitstreams/1/kodim01.bin"]) + len(b"kodim01.bin")
    return data[:at] + b"K" + data[at + 1 :]


def _renamed() -> bytes:
    """The directory and the file's own header disagree on its name."""
    data = zip_of(semcs())
    at = data.index(b"1/kodim01.semc")
    return data[:at] + b"9" + data[at + 1 :]


def _nul_name() -> bytes:
    """A name with a zero byte in it."""
    return zip_of({**pairs(), "bitstreams/1/kodim03.bin": b"a"}).replace(
        b"bitstreams/1/kodim03.bin", b"bitstreams/1/kodim03\0bin"
    )


def _unlisted() -> bytes:
    """Files that the directory does not list."""
    data = zip_of(semcs())
    files = data[: data.index(_ENTRY)]
    return files + struct.pack("<4s4H2LH", _END, 0, 0, 0, 0, 0, len(files), 0)


def _many() -> bytes:
    """One folder more than is taken."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}/", b"")
    return data.getvalue()


def _grown() -> bytes:
    """More than a gigabyte in members that each expand just within bounds."""
    piece = zip_of({"1/kodim01.semc": bytes(1 << 20)})
    at = piece.index(_ENTRY)
    local, entry = piece[:at], piece[at : piece.index(_END)]
    count = 1025
    entries = b"".join(
        entry[:42] + struct.pack("<L", number * len(local)) + f"q{number:04}/kodim01.semc".encode()
        for number in range(count)
    )
    entries = entries.replace(struct.pack("<H", len("1/kodim01.semc")), struct.pack("<H", 18))
    end = struct.pack("<4s4H2LH", _END, 0, 0, count, count, len(entries), count * len(local), 0)
    return local * count + entries + end


def _hole() -> bytes:
    """Two megabytes between two members that no entry of the directory covers."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in semcs().items():
            archive.writestr(name, content)
            archive.start_dir += (2 << 20) if name == "1/kodim02.semc" else 0
    return data.getvalue()


def _changed(change: Callable[[zipfile.ZipFile], None]) -> Callable[[], bytes]:
    """An honest archive that is changed after its files and before its directory is written."""

    def make() -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, content in semcs().items():
                archive.writestr(name, content)
            change(archive)
        return data.getvalue()

    return make


def _comment(archive: zipfile.ZipFile) -> None:
    archive.comment = bytes(60_000)


def _file_comment(archive: zipfile.ZipFile) -> None:
    archive.getinfo("4/kodim02.semc").comment = bytes(60_000)


def _extra_in_directory(archive: zipfile.ZipFile) -> None:
    archive.getinfo("4/kodim02.semc").extra = struct.pack("<2H", 0xCAFE, 60_000) + bytes(60_000)


def _extra_in_header(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("5/kodim02.semc")
    info.extra = struct.pack("<2H", 0xCAFE, 60_000) + bytes(60_000)
    archive.writestr(info, b"more")
    info.extra = b""


def _packed_larger(archive: zipfile.ZipFile) -> None:
    """A file of ten bytes whose packed form is a row of empty blocks."""
    info = zipfile.ZipInfo("5/kodim02.semc")
    archive.writestr(info, b"\0\0\0\xff\xff" * 400_000)
    info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, 10


def _far_away(archive: zipfile.ZipFile) -> None:
    archive.getinfo("4/kodim02.semc").header_offset = (1 << 64) - 1


def _case(name: str, message: str, make: Callable[[], bytes]) -> Hostile:
    return Hostile(name, make, message)


def _quality(folder: str) -> Hostile:
    """A folder of a quality that is no number of use."""
    message = f"kodim01, quality: found '{folder}'; expected a number up to 1e9, or a short name"
    members = {**semcs(), f"{folder}/kodim01.semc": b"x"}
    return _case(f"a quality of {folder}", message, lambda: zip_of(members))


_INSIDE = "a path inside the archive"
_WHOLE = "a whole, readable ZIP"

ARCHIVES = [
    _case(
        "a path that climbs out",
        f"'../../../root/.ssh/authorized_keys': found a path that climbs out; expected {_INSIDE}",
        _plus(("../../../root/.ssh/authorized_keys", b"key")),
    ),
    _case(
        "a path that climbs out halfway",
        "'bitstreams/1/../../../x.bin': found a path that climbs out; expected a path inside the "
        "archive",
        _plus(("bitstreams/1/../../../x.bin", b"x")),
    ),
    _case(
        "an absolute path",
        f"'/etc/cron.d/job': found an absolute path; expected {_INSIDE}",
        _plus(("/etc/cron.d/job", b"x")),
    ),
    _case(
        "a drive",
        f"'C:/Windows/evil.dll': found an absolute path; expected {_INSIDE}",
        _plus(("C:/Windows/evil.dll", b"x")),
    ),
    _case(
        "backslashes",
        r"'..\\..\\evil.exe': found a backslash in the name; expected folders separated by /",
        _plus(("..\\..\\evil.exe", b"x")),
    ),
    _case(
        "a symbolic link",
        "'bitstreams/1/kodim03.bin': found a symbolic link; expected the file itself",
        _plus(_mode("bitstreams/1/kodim03.bin", stat.S_IFLNK | 0o777)),
    ),
    _case(
        "a device",
        "'bitstreams/1/kodim03.bin': found a device or other special file; expected plain files "
        "only",
        _plus(_mode("bitstreams/1/kodim03.bin", stat.S_IFCHR | 0o666, b"")),
    ),
    _case(
        "a pipe",
        "'bitstreams/1/kodim03.bin': found a device or other special file; expected plain files "
        "only",
        _plus(_mode("bitstreams/1/kodim03.bin", stat.S_IFIFO | 0o666, b"")),
    ),
    _case(
        "a password",
        "'4/kodim02.semc': found an encrypted file; expected an archive without a password",
        lambda: _patched(zip_of(semcs()), _ENTRY, 8, struct.pack("<H", 1)),
    ),
    _case(
        "a name twice",
        "'4/kodim02.semc': found a name that comes twice; expected each name once",
        _twice,
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
        lambda: zip_of({"1/kodim01.semc": bytes(64 << 20)}),
    ),
    _case(
        "a bomb of many files",
        "file: found 1,025.0 MiB when unpacked; expected at most 1,024.0 MiB",
        _grown,
    ),
    _case(
        "files that share their data",
        "'1/kodim01.semc': found data that overlap another file's; expected an archive whose files "
        "have their own data",
        _overlapping,
    ),
    _case(
        "a file larger than it says",
        "kodim01, '1/kodim01.semc': found damage (\"Bad CRC-32 for file '1/kodim01.semc'\"); "
        f"expected {_WHOLE}",
        _lying,
    ),
    _case(
        "too many files",
        "file: found 10,001 files and folders; expected at most 10,000",
        _many,
    ),
    _case(
        "a count that lies",
        "file: found 65,535 files and folders; expected at most 10,000",
        lambda: _count(65535),
    ),
    _case(
        "an absurd count",
        "file: found 1,000,000,000,000,000,000 files and folders; expected at most 10,000",
        _absurd_directory,
    ),
    _case(
        "more files than it claims",
        "file: found a directory of 8 files that claims 1; expected a usual ZIP",
        lambda: _count(1),
    ),
    _case(
        "a huge directory",
        "file: found a directory of 2,048.0 MiB; expected a usual ZIP",
        lambda: _patched(zip_of(semcs()), _END, 12, struct.pack("<L", 0x7FFFFFFF)),
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
        _damaged,
    ),
    _case(
        "two names for one file",
        "kodim01, '1/kodim01.semc': found damage (\"File name in directory '1/kodim01.semc' and "
        f"header b'9/kodim01.semc' differ.\"); expected {_WHOLE}",
        _renamed,
    ),
    _case(
        "a name that ends early",
        "'bitstreams/1/kodim03\\x00bin': found a name with control characters; expected "
        "plain names",
        _nul_name,
    ),
    _case(
        "a name that rings",
        "'bitstreams/1/\\x1b[2Jkodim03.bin': found a name with control characters; expected plain "
        "names",
        _plus(("bitstreams/1/\x1b[2Jkodim03.bin", b"x")),
    ),
    _case(
        "a name without end",
        f"'bitstreams/1/{'k' * 63}...: found a name of 313 characters; expected at most 200",
        _plus((f"bitstreams/1/{'k' * 300}", b"x")),
    ),
    _case(
        "another compression",
        "'1/kodim01.semc': found compression method 14; expected deflate, or none (stored)",
        lambda: zip_of(semcs(), zipfile.ZIP_LZMA),
    ),
    _case(
        "a split archive",
        "file: found a part of a split archive; expected one whole ZIP",
        lambda: _patched(zip_of(semcs()), _END, 4, struct.pack("<2H", 1, 1)),
    ),
    _case(
        "an empty archive",
        "file: found an archive without files; expected pictures or files to decode",
        lambda: zip_of({}),
    ),
    _case(
        "an archive that lists nothing",
        "file: found an archive without files; expected pictures or files to decode",
        _unlisted,
    ),
    _case(
        "a file without a name",
        "'\\x00hidden': found a name with control characters; expected plain names",
        lambda: _plus(("=hidden", b"x"))().replace(b"=hidden", b"\0hidden"),
    ),
    _case(
        "folders alone",
        "file: found an archive without files; expected pictures or files to decode",
        lambda: zip_of({"reconstructions/": b"", "bitstreams/": b""}),
    ),
    _case(
        "a load of a Mac's files",
        "file: found 17.0 MiB in files beside pictures and bitstreams (__MACOSX, README and the "
        "like); expected at most 16.0 MiB",
        _plus(("__MACOSX/._x", random.Random(0).randbytes(17 << 20))),
    ),
    _case(
        "a load of reading",
        "file: found 17.0 MiB in files beside pictures and bitstreams (__MACOSX, README and the "
        "like); expected at most 16.0 MiB",
        _plus(("README.md", random.Random(0).randbytes(17 << 20))),
    ),
    _case(
        "data between its files",
        "file: found 2.0 MiB between its files; expected a usual ZIP",
        _hole,
    ),
    _case(
        "a file at the end of 64 bits",
        f"'4/kodim02.semc': found damage ('its header is missing'); expected {_WHOLE}",
        _changed(_far_away),
    ),
    _case(
        "a program in front",
        "file: found 1,000 bytes before its first file; expected a plain ZIP, none that unpacks "
        "itself",
        lambda: b"PK\x03\x04MZ" + bytes(994) + zip_of(semcs()),
    ),
    _case(
        "a long comment",
        "file: found 60,000 bytes behind its directory; expected a comment of at most 1,024 bytes",
        _changed(_comment),
    ),
    _case(
        "data behind its end",
        "file: found 60,000 bytes behind its directory; expected a comment of at most 1,024 bytes",
        lambda: zip_of(semcs()) + bytes(60_000),
    ),
    _case(
        "a long comment on a file",
        "'4/kodim02.semc': found a comment of 60,000 bytes; expected at most 1,024",
        _changed(_file_comment),
    ),
    _case(
        "a long extra field in the directory",
        "'4/kodim02.semc': found extra fields of 60,004 bytes; expected at most 1,024",
        _changed(_extra_in_directory),
    ),
    _case(
        "a long extra field in a file's header",
        "'5/kodim02.semc': found extra fields of 60,004 bytes; expected at most 1,024",
        _changed(_extra_in_header),
    ),
    _case(
        "a file that grows when it is packed",
        "'5/kodim02.semc': found 1.9 MiB packed for 10 bytes; expected a packed size near the "
        "file's or below it",
        _changed(_packed_larger),
    ),
    _case(
        "a password in a file's own header",
        "'4/kodim02.semc': found an encrypted file; expected an archive without a password",
        lambda: _patched(zip_of(semcs()), b"PK\x03\x04", 6, struct.pack("<H", 1)),
    ),
    *map(_quality, ("nan", "Infinity", "inf", "1e999", "99999999999")),
    _case(
        "an archive in the archive",
        "file: found 'bitstreams/1/more.zip'; expected the files themselves, not archives within "
        "the archive",
        _plus(("bitstreams/1/more.zip", zip_of(semcs()))),
    ),
    _case(
        "an office document",
        "file: found an office document or program; expected a results file as CSV or JSON (from a "
        "spreadsheet: save as CSV), or a ZIP",
        lambda: zip_of({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}),
    ),
]


@pytest.mark.parametrize("hostile", ARCHIVES, ids=lambda each: each.name)
def test_refused(hostile, check_refused):
    check_refused(hostile)
