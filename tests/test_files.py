"""Files are written whole: whoever reads one meanwhile never finds it short."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semcomp.demo.shared import results
from semcomp.files import write_file


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
        path = results.save(b"semc" * 20, "a picture", ".semc")
        return path, len(Path(path).read_bytes())

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(save_and_fetch, range(400)))
    assert len(found) == 1 and found.pop()[1] == 80
