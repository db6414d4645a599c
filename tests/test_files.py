"""Files are written whole: whoever reads one meanwhile never finds it short."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semcomp.demo.shared import downloads
from semcomp.errors import SemcompError
from semcomp.files import cache_folder, check_writable, write_file


@pytest.mark.parametrize("size", [83, 1_000_000])
def test_many_write_one_file_while_others_read_it(tmp_path: Path, size: int) -> None:
    path, data = tmp_path / "picture.semc", bytes(range(256)) * (size // 256) + bytes(size % 256)
    write_file(path, data)

    def read_or_write(turn: int) -> bool:
        if turn % 2:
            write_file(path, data)
        return path.read_bytes() == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read_or_write, range(400)))
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "no partial files left"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "picture.semc"
    path.write_bytes(b"before")
    path.chmod(mode)
    write_file(path, b"after")
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (b"after", mode)


def test_a_new_file_has_the_mode_of_all_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_file(tmp_path / "picture.semc", b"after")
    modes = [path.stat().st_mode for path in tmp_path.iterdir()]
    assert len(modes) == 2 and modes[0] == modes[1]


def test_links_stay_links(tmp_path: Path) -> None:
    path, hard, soft = (tmp_path / name for name in ("picture.semc", "hard", "soft"))
    path.write_bytes(b"before, and longer")
    hard.hardlink_to(path)
    soft.symlink_to(path)
    for name in (path, hard, soft):
        write_file(name, str(name).encode())
        assert path.read_bytes() == hard.read_bytes() == soft.read_bytes() == str(name).encode()
    assert path.samefile(hard) and soft.is_symlink()


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    read, write = os.pipe()
    write_file(Path(f"/dev/fd/{write}"), b"semc")
    assert os.read(read, 9) == b"semc"
    os.close(read)
    os.close(write)


def test_a_folder_that_allows_no_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.semc"
    path.write_bytes(b"before")
    access = os.access
    monkeypatch.setattr(os, "access", lambda at, mode: Path(at) != tmp_path and access(at, mode))
    with pytest.raises(OSError, match=r"cannot write into .*choose another folder"):
        check_writable(tmp_path / "new.semc")
    check_writable(path)
    inode = path.stat().st_ino
    write_file(path, b"after")
    assert (path.read_bytes(), path.stat().st_ino) == (b"after", inode)


def test_equal_results_of_two_visitors_are_one_file_that_is_never_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))

    def save_and_fetch(_: int) -> tuple[str, int]:
        path = downloads.save(b"semc" * 20, "a picture", ".semc")
        return path, len(Path(path).read_bytes())

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(save_and_fetch, range(400)))
    assert len(found) == 1 and found.pop()[1] == 80


def test_where_downloads_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", "~/named")
    assert cache_folder() == tmp_path / "named"
    monkeypatch.delenv("SEMCOMP_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "semcomp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "semcomp"


def test_a_user_without_a_home_names_a_folder(monkeypatch):
    monkeypatch.delenv("SEMCOMP_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(SemcompError, match="name one with SEMCOMP_CACHE_DIR"):
        cache_folder()
