"""Archives that no honest packer writes."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable

from tests.support.submitted import pairs, semcs, zip_of

_END = b"PK\x05\x06"
_ENTRY = b"PK\x01\x02"


def plus(*members: tuple[str | zipfile.ZipInfo, bytes]) -> Callable[[], bytes]:
    """An honest archive with more members."""
    return lambda: zip_of([*pairs().items(), *members])


def mode(name: str, mode: int, data: bytes = b"/etc/passwd") -> tuple[zipfile.ZipInfo, bytes]:
    """A member of a kind that `stat` names, as Unix packers store it."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info, data


def patched(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """An archive with bytes changed behind the last place where a mark stands."""
    at = data.rindex(mark) + offset
    return data[:at] + value + data[at + len(value) :]


def twice() -> bytes:
    """Two members of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of the very thing that is tried
        return zip_of([*semcs().items(), ("4/kodim02.semc", b"another")])


def count(members: int) -> bytes:
    """An archive whose end claims a number of members."""
    return patched(zip_of(semcs()), _END, 8, struct.pack("<2H", members, members))


def huge_directory() -> bytes:
    """An archive whose end claims a directory of two gigabytes."""
    return patched(zip_of(semcs()), _END, 12, struct.pack("<L", 0x7FFFFFFF))


def absurd_directory() -> bytes:
    """An archive whose 64-bit end record claims more members than there are grains of sand."""
    data = zip_of(semcs())
    at = data.rindex(_END)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**18, 10**18, 100, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    return data[:at] + wide + locator + data[at:]


def encrypted() -> bytes:
    """An archive with a member marked as encrypted."""
    data = zip_of(semcs())
    return patched(data, _ENTRY, 8, struct.pack("<H", 1))


def bomb() -> bytes:
    """A member of 64 MiB in 64 kB."""
    return zip_of({"1/kodim01.semc": bytes(64 << 20)})


def lying() -> bytes:
    """A member that unpacks to more than it declares, in both of its headers."""
    data = zip_of({"1/kodim01.semc": bytes(1 << 20)})
    for mark, offset in ((_ENTRY, 24), (b"PK\x03\x04", 22)):
        data = patched(data, mark, offset, struct.pack("<L", 1000))
    return data


def overlapping() -> bytes:
    """Two members that share their data: the second entry points into the first's."""
    data = zip_of(
        {"1/kodim01.semc": b"a" * 5000, "1/kodim02.semc": b"b" * 5000}, zipfile.ZIP_STORED
    )
    first = struct.pack("<L", 0)
    return patched(data, _ENTRY, 42, first)


def damaged() -> bytes:
    """A byte of a stored member changed."""
    members = pairs()
    data = zip_of(members, zipfile.ZIP_STORED)
    at = data.index(b"kodim01.bin" + members["bitstreams/1/kodim01.bin"]) + len(b"kodim01.bin")
    return data[:at] + b"K" + data[at + 1 :]


def renamed() -> bytes:
    """The directory and the file's own header disagree on its name."""
    data = zip_of(semcs())
    at = data.index(b"1/kodim01.semc")
    return data[:at] + b"9" + data[at + 1 :]


def nul_name() -> bytes:
    """A name with a zero byte in it."""
    return zip_of({**pairs(), "bitstreams/1/kodim03.bin": b"a"}).replace(
        b"bitstreams/1/kodim03.bin", b"bitstreams/1/kodim03\0bin"
    )


def unlisted() -> bytes:
    """Files that the directory does not list."""
    data = zip_of(semcs())
    files = data[: data.index(_ENTRY)]
    return files + struct.pack("<4s4H2LH", _END, 0, 0, 0, 0, 0, len(files), 0)


def folders() -> bytes:
    """Nothing but folders."""
    return zip_of({"reconstructions/": b"", "bitstreams/": b""})


def split() -> bytes:
    """The second part of an archive in parts."""
    return patched(zip_of(semcs()), _END, 4, struct.pack("<2H", 1, 1))


def many() -> bytes:
    """One folder more than is taken."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}/", b"")
    return data.getvalue()


def grown() -> bytes:
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
