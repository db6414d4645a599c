"""Files are written whole: whoever reads one meanwhile never finds it short."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semcomp.demo.shared import downloads
from semcomp.errors import SemcompError
from semcomp.files import cache_folder, write_file


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
