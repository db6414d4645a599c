"""ZIP archives from elsewhere: listed and judged before a byte is unpacked, read within bounds.

Nothing is ever written to a path that an archive names; members are read into memory, one at a
time and by name. Encrypted members, links, devices, archives within the archive's own space
(overlapping members, Fifield 2019, "A better zip bomb"), names that climb out and bytes that belong
to no member are refused.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from leaderboard.data.problems import Problem, Rejected, describe, refusal

from .shape import UploadLimits, megabytes

MAGIC = b"PK\x03\x04"
_EMPTY = b"PK\x05\x06"
_CHUNK = 1 << 18
_LONGEST_NAME = 200
_DIRECTORY_ENTRY = 1024
"""Bytes of the directory per member that are plenty: 46, the name, times and 64-bit sizes."""
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DESCRIBED = 0x8
_DESCRIPTOR = 24
"""Bytes at most of the sizes that follow a member's data, where its flags are `_DESCRIBED`."""
_MOST_FREE = 1 << 16
"""Bytes of no member, between members; packers leave few, where they removed or aligned one."""
_LONGEST_NOTE = 1024
"""Bytes of a comment, and of a member's extra fields (times, owners, 64-bit sizes: under 200)."""

# Ends of the directory (PKWARE's APPNOTE 6.3.10, sections 4.3.14 to 4.3.16).
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT = (1 << 16) - 1

# What zipfile and zlib raise on archives that are damaged or made to be.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(OSError, ValueError, OverflowError, RuntimeError),
)


@dataclass(frozen=True)
class Member:
    """A file in an archive. name: as stored, `/` between folders. size: unpacked, as declared."""

    name: str
    size: int


@dataclass(frozen=True, eq=False)
class Archive:
    """An open archive whose directory has passed; its files, in its order."""

    members: tuple[Member, ...]
    _zip: zipfile.ZipFile


@contextmanager
def open_archive(path: Path, limits: UploadLimits = UploadLimits()) -> Iterator[Archive]:  # noqa: B008
    """Open an archive and judge its directory. Raises Rejected with every problem of it."""
    with path.open("rb") as stream:
        count = _check_ends(stream, limits)
        stream.seek(0)
        try:
            opened = zipfile.ZipFile(stream)
        except _DAMAGE as error:
            raise _damaged("file", error) from error
        with opened:
            members = opened.infolist()
            if len(members) != count:
                value = f"a directory of {len(members):,} files that claims {count:,}"
                raise refusal("file", value, "a usual ZIP")
            problems: list[Problem] = []
            total = sum(each.file_size for each in members)
            if total > limits.unpacked_bytes:
                problems.append(
                    Problem(
                        "file",
                        None,
                        f"{megabytes(total)} when unpacked",
                        f"at most {megabytes(limits.unpacked_bytes)}",
                    )
                )
            for member in members:
                problems += _member_problems(member, limits)
            problems += _duplicates(members)
            problems += _placing(stream, members, opened.start_dir)
            files = tuple(
                # Not `is_dir`, which trips over an empty name.
                Member(m.filename, m.file_size)
                for m in members
                if not m.filename.endswith("/")
            )
            if not files and not problems:
                problems.append(_empty())
            if problems:
                raise Rejected(problems)
            yield Archive(files, opened)


def read_member(archive: Archive, name: str, limit: int) -> bytes:
    """A member's bytes. Raises Rejected if they are more than `limit`, or damaged."""
    return b"".join(stream_member(archive, name, limit))


def stream_member(archive: Archive, name: str, limit: int) -> Iterator[bytes]:
    """A member's bytes in pieces, unpacked as they are asked for; see `read_member`."""
    count = 0
    try:
        with archive._zip.open(name) as stream:
            while piece := stream.read(_CHUNK):
                count += len(piece)
                if count > limit:
                    value = f"more than {megabytes(count - 1)}"
                    raise refusal(describe(name), value, "a smaller file")
                yield piece
    except KeyError:
        raise refusal(describe(name), "nothing", "a file in the archive") from None
    except Rejected:
        raise
    except _DAMAGE as error:
        raise _damaged(describe(name), error) from error


def _check_ends(stream: IO[bytes], limits: UploadLimits) -> int:
    """Judge an archive by its size, its start and its end; gives the number of members.

    zipfile reads the whole directory into memory whatever it holds, so its size comes first.
    """
    size = stream.seek(0, os.SEEK_END)
    if size > limits.upload_bytes:
        raise refusal("file", megabytes(size), f"at most {megabytes(limits.upload_bytes)}")
    stream.seek(0)
    start = stream.read(len(MAGIC))
    if start == _EMPTY:
        raise Rejected([_empty()])
    if start != MAGIC:
        raise refusal("file", f"a start of {describe(start)}", "a ZIP archive")
    tail_size = min(size, _LOCATOR.size + _END_64.size + _END.size + _LONGEST_COMMENT)
    stream.seek(size - tail_size)
    tail = stream.read(tail_size)
    position = tail.rfind(_EMPTY)
    if position < 0 or position + _END.size > len(tail):
        raise _damaged("file", "its directory is missing; the upload may be cut short")
    behind = len(tail) - position - _END.size
    if behind > _LONGEST_NOTE:
        expected = f"a comment of at most {megabytes(_LONGEST_NOTE)}"
        value = f"{megabytes(behind)} behind its directory"
        raise refusal("file", value, expected)
    _, disk, first_disk, _, count, directory, _, _ = _END.unpack_from(tail, position)
    locator = position - _LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        wide = locator - _END_64.size
        if wide < 0 or tail[wide : wide + 4] != b"PK\x06\x06":
            raise _damaged("file", "its directory is missing")
        *_, disk, first_disk, _, count, directory, _ = _END_64.unpack_from(tail, wide)
    if disk or first_disk:
        raise refusal("file", "a part of a split archive", "one whole ZIP")
    if count > limits.members:
        raise refusal("file", f"{count:,} files and folders", f"at most {limits.members:,}")
    if directory > _DIRECTORY_ENTRY * limits.members:
        raise refusal("file", f"a directory of {megabytes(directory)}", "a usual ZIP")
    return int(count)


def _member_problems(member: zipfile.ZipInfo, limits: UploadLimits) -> Iterator[Problem]:
    name, original = member.filename, member.orig_filename
    where = describe(original)
    parts = name.removesuffix("/").split("/")
    if "\\" in original:
        yield Problem(where, None, "a backslash in the name", "folders separated by /")
    elif name.startswith("/") or ":" in name:
        yield Problem(where, None, "an absolute path", "a path inside the archive")
    elif ".." in parts:
        yield Problem(where, None, "a path that climbs out", "a path inside the archive")
    elif original != name or not name.isprintable():
        yield Problem(where, None, "a name with control characters", "plain names")
    elif "" in parts or "." in parts:
        yield Problem(where, None, "a name with empty parts", "plain names")
    elif len(original) > _LONGEST_NAME:
        value = f"a name of {len(original)} characters"
        yield Problem(where, None, value, f"at most {_LONGEST_NAME}")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        yield Problem(where, None, "a symbolic link", "the file itself")
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield Problem(where, None, "a device or other special file", "plain files only")
    if member.flag_bits & _ENCRYPTED:
        yield _encrypted(where)
    if len(member.comment) > _LONGEST_NOTE:
        value = f"a comment of {megabytes(len(member.comment))}"
        yield Problem(where, None, value, f"at most {_LONGEST_NOTE:,}")
    if len(member.extra) > _LONGEST_NOTE:
        yield _long_extra(where, len(member.extra))
    if member.compress_type not in _METHODS:
        yield Problem(
            where, None, f"compression method {member.compress_type}", "deflate, or none (stored)"
        )
    if name.endswith("/") and member.file_size:
        yield Problem(where, None, "a folder with contents of its own", "a plain folder")
    grown = member.file_size > limits.expansion * max(member.compress_size, 1)
    if member.file_size > limits.small_bytes and grown:
        yield Problem(
            where,
            None,
            f"{megabytes(member.file_size)} when unpacked",
            f"at most {limits.expansion} times its packed size",
        )
    if member.compress_size > member.file_size + member.file_size // 8 + _LONGEST_NOTE:
        value = f"{megabytes(member.compress_size)} packed for {megabytes(member.file_size)}"
        yield Problem(where, None, value, "a packed size near the file's or below it")
    if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
        yield Problem(where, None, "two different sizes", "an archive that is not damaged")


def _duplicates(members: list[zipfile.ZipInfo]) -> Iterator[Problem]:
    seen: set[str] = set()
    for member in members:
        # Names that differ in case alone are one file on many machines.
        name = member.filename.removesuffix("/").casefold()
        if name in seen:
            yield Problem(
                describe(member.filename), None, "a name that comes twice", "each name once"
            )
        seen.add(name)


def _placing(stream: IO[bytes], members: list[zipfile.ZipInfo], end: int) -> Iterator[Problem]:
    """Judge what lies where: members' own headers, bytes that two share and bytes of none.

    Members that share bytes unpack little data to much. end: where the directory starts.
    """
    ordered = sorted(members, key=lambda member: member.header_offset)
    starts = [member.header_offset for member in ordered]
    if starts and starts[0] > 0:
        value = f"{megabytes(starts[0])} before its first file"
        yield Problem("file", None, value, "a plain ZIP, none that unpacks itself")
    free = 0
    for member, following in zip(ordered, [*starts, end][1:], strict=True):
        where = describe(member.filename)
        # 64-bit places may lie far outside of what `seek` takes.
        stream.seek(min(max(member.header_offset, 0), end))
        header = stream.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(MAGIC):
            yield from _damaged(where, "its header is missing").problems
            continue
        _, _, flags, *_, name, extra = _LOCAL_HEADER.unpack(header)
        if flags & _ENCRYPTED:
            yield _encrypted(where)
        if extra > _LONGEST_NOTE:
            yield _long_extra(where, extra)
        last = member.header_offset + _LOCAL_HEADER.size + name + extra + member.compress_size
        if last > following:
            expected = "an archive whose files have their own data"
            yield Problem(where, None, "data that overlap another file's", expected)
        free += max(following - last - (_DESCRIPTOR if flags & _DESCRIBED else 0), 0)
    if free > _MOST_FREE:
        yield Problem("file", None, f"{megabytes(free)} between its files", "a usual ZIP")


def _encrypted(where: str) -> Problem:
    return Problem(where, None, "an encrypted file", "an archive without a password")


def _long_extra(where: str, size: int) -> Problem:
    return Problem(where, None, f"extra fields of {megabytes(size)}", f"at most {_LONGEST_NOTE:,}")


def _damaged(where: str, error: Exception | str) -> Rejected:
    reason = " ".join(str(error).split()) or type(error).__name__
    return refusal(where, f"damage ({describe(reason)})", "a whole, readable ZIP")


def _empty() -> Problem:
    return Problem("file", None, "an archive without files", "pictures or files to decode")
