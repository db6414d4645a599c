"""Data sets: what is taken, what is refused, and Kodak fetched whole and right or not at all."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from leaderboard.data import official
from leaderboard.data.datasets import load_dataset, pixel_hash, title_of
from semcomp.errors import DatasetError

RANDOM = np.random.default_rng(5)
PIXELS = {f"kodim{n:02}": RANDOM.integers(0, 256, (24, 32, 3), np.uint8) for n in (1, 2, 3)}


KODAK = official.SETS["kodak"]


def published_at(monkeypatch, *sources):
    """Other places to download Kodak's pictures from."""
    few = replace(official.SETS["kodak"], sources=sources)
    monkeypatch.setitem(official.SETS, "kodak", few)


def fill(folder, names=PIXELS, suffix=".png"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(PIXELS[name]).save(folder / f"{name}{suffix}")
    return folder


@pytest.fixture
def small_kodak(monkeypatch, tmp_path):
    """Three pictures in the place of Kodak's, found and kept nowhere yet."""
    few = replace(KODAK, pixels={n: pixel_hash(p) for n, p in PIXELS.items()})
    monkeypatch.setitem(official.SETS, "kodak", few)
    published_at(monkeypatch, "http://127.0.0.1:9/")
    monkeypatch.delenv("SEMCOMP_KODAK_DIR", raising=False)
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(tmp_path / "cache"))


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and writes down what was asked for."""

    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        """Note the path, then serve it."""
        self.asked.append(self.path)
        if self.path.startswith("/breaks/"):  # off in the middle of the file
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(bytes(1000))
        else:
            super().do_GET()


@pytest.fixture
def server(tmp_path):
    folder = fill(tmp_path / "served" / "right").parent
    Quiet.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def test_kodak_as_published(kodak_dir, monkeypatch):
    """All 24 hashes are those of the pictures."""
    monkeypatch.setenv("SEMCOMP_KODAK_DIR", str(kodak_dir))
    dataset = load_dataset("kodak")
    assert dataset.name == "kodak"
    assert [p.name for p in dataset.pictures] == [f"kodim{n:02}" for n in range(1, 25)]
    assert {p.load().shape for p in dataset.pictures} == {(512, 768, 3), (768, 512, 3)}


def test_cid22_as_published(cid22_dir, monkeypatch):
    """The hashes are those of the pictures, but for the one that nobody has whole."""
    monkeypatch.setenv("SEMCOMP_CID22_DIR", str(cid22_dir))
    dataset = load_dataset("cid22")
    assert {p.load().shape for p in dataset.pictures} == {(512, 512, 3)}
    names = [p.name for p in dataset.pictures]
    assert len(names) == 40 and names == sorted(names) and "844297" not in names


def test_sets_together_have_a_title():
    assert title_of("kodak+cid22") == "Kodak and CID22"
    assert title_of("cid22") == "CID22"
    assert title_of("holiday+kodak") == "holiday+kodak"


def test_hash_knows_the_shape_too():
    pixels = PIXELS["kodim01"]
    assert pixel_hash(pixels) != pixel_hash(pixels.reshape(32, 24, 3))
    assert pixel_hash(np.asfortranarray(pixels)) == pixel_hash(pixels)


def test_kodak_folder_of_ones_own(small_kodak, monkeypatch, tmp_path):
    monkeypatch.setenv("SEMCOMP_KODAK_DIR", str(fill(tmp_path / "mine")))
    assert [p.name for p in load_dataset("kodak").pictures] == list(PIXELS)
    chosen = load_dataset("kodak", ["kodim03", "kodim01.png"])
    assert [p.name for p in chosen.pictures] == ["kodim01", "kodim03"]
    with pytest.raises(DatasetError, match="no picture kodim77 in Kodak's set: it has kodim01, "):
        load_dataset("kodak", ["kodim01", "kodim77"])


def test_kodak_missing_and_wrong(small_kodak, monkeypatch, tmp_path):
    folder = fill(tmp_path / "mine", ["kodim01", "kodim02"])
    monkeypatch.setenv("SEMCOMP_KODAK_DIR", str(folder))
    with pytest.raises(DatasetError, match=r"no .*kodim03\.png: set SEMCOMP_KODAK_DIR to the"):
        load_dataset("kodak")
    Image.fromarray(PIXELS["kodim01"]).save(folder / "kodim03.png")
    remedy = "remove it and get it from http://.*, set SEMCOMP_KODAK_DIR to another folder"
    with pytest.raises(DatasetError, match=rf"kodim03\.png is not Kodak's kodim03: .*{remedy}"):
        load_dataset("kodak")
    whole = (folder / "kodim03.png").read_bytes()
    (folder / "kodim03.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=rf"kodim03\.png is no picture to measure .*{remedy}"):
        load_dataset("kodak")
    assert len(load_dataset("kodak", ["kodim01", "kodim02"]).pictures) == 2


def test_kodak_is_downloaded_once(small_kodak, server, monkeypatch, tmp_path):
    _, url = server
    published_at(monkeypatch, url + "right/")
    first = load_dataset("kodak", ["kodim02"])
    assert first.pictures[0].path == tmp_path / "cache" / "kodak" / "kodim02.png"
    assert np.array_equal(first.pictures[0].load(), PIXELS["kodim02"])
    load_dataset("kodak")
    load_dataset("kodak")
    assert Quiet.asked == [f"/right/kodim{n}.png" for n in ("02", "01", "03")]


def test_download_goes_on_to_the_next_source(small_kodak, server, monkeypatch, tmp_path):
    folder, url = server
    fill(folder / "other", ["kodim02"])
    (folder / "other" / "kodim02.png").rename(folder / "other" / "kodim01.png")
    (folder / "cut").mkdir()
    whole = (folder / "right" / "kodim01.png").read_bytes()
    (folder / "cut" / "kodim01.png").write_bytes(whole[: len(whole) // 2])
    places = tuple(url + name for name in ("none/", "other/", "cut/", "right/"))
    published_at(monkeypatch, *places)
    assert len(load_dataset("kodak", ["kodim01"]).pictures) == 1
    published_at(monkeypatch, *places[:3])
    with pytest.raises(DatasetError) as caught:
        load_dataset("kodak", ["kodim03", "kodim01"])
    assert "cannot download Kodak's kodim03" in str(caught.value)
    for reason in ("none/kodim03.png: 404 File not found", "set SEMCOMP_KODAK_DIR"):
        assert reason in str(caught.value)
    (tmp_path / "cache" / "kodak" / "kodim01.png").unlink()
    with pytest.raises(DatasetError) as caught:
        load_dataset("kodak", ["kodim01"])
    assert "not the published picture" in str(caught.value)
    assert "cut/kodim01.png: not a whole picture" in str(caught.value)
    assert not list((tmp_path / "cache" / "kodak").iterdir())  # nothing wrong is kept


def test_download_without_end_is_given_up(small_kodak, server, monkeypatch):
    published_at(monkeypatch, server[1] + "right/")
    monkeypatch.setattr(official, "MAX_BYTES", 100)
    with pytest.raises(DatasetError, match="more than 100 bytes"):
        load_dataset("kodak", ["kodim01"])


def test_download_that_breaks_off(small_kodak, server, monkeypatch, tmp_path):
    published_at(monkeypatch, server[1] + "breaks/")
    with pytest.raises(DatasetError, match=r"4000 more expected.*set SEMCOMP_KODAK_DIR"):
        load_dataset("kodak", ["kodim01"])
    assert not list((tmp_path / "cache" / "kodak").iterdir())


def test_no_network(small_kodak):
    message = (
        r"kodim01\.png: Failed to establish a new connection: .* refused\): check the network, or "
        "set SEMCOMP_KODAK_DIR to a folder with kodim01.png to kodim03.png"
    )
    with pytest.raises(DatasetError, match=message):
        load_dataset("kodak")


def test_no_network_for_cid22(monkeypatch, tmp_path):
    monkeypatch.delenv("SEMCOMP_CID22_DIR", raising=False)
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(tmp_path))
    nowhere = replace(official.SETS["cid22"], sources=("http://127.0.0.1:9/",))
    monkeypatch.setitem(official.SETS, "cid22", nowhere)
    message = "set SEMCOMP_CID22_DIR to .* 1025469.png to 792079.png, such as `original` of CID22"
    with pytest.raises(DatasetError, match=message):
        load_dataset("cid22")


def test_cache_that_cannot_be_written(small_kodak, server, monkeypatch, tmp_path):
    published_at(monkeypatch, server[1] + "right/")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"cannot keep downloads in .*set SEMCOMP_CACHE_DIR"):
        load_dataset("kodak", ["kodim01"])


def test_any_folder(tmp_path):
    folder = fill(tmp_path / "holiday")
    fill(folder, ["kodim02"], ".webp")
    (folder / "notes.txt").write_text("no picture")
    dataset = load_dataset(folder)
    assert dataset.name == "holiday"
    assert [p.name for p in dataset.pictures] == [
        *("kodim01", "kodim02.png", "kodim02.webp", "kodim03")
    ]
    assert dataset.pictures[0].sha256 == pixel_hash(PIXELS["kodim01"])
    assert [p.name for p in load_dataset(folder, ["kodim03.png"]).pictures] == ["kodim03"]
    with pytest.raises(DatasetError, match=r"no picture nobody in .*holiday: it has kodim01, "):
        load_dataset(folder, ["nobody"])


def test_folders_that_are_none(tmp_path):
    with pytest.raises(
        DatasetError, match="nowhere: name a folder of pictures, or 'kodak' or 'cid22'"
    ):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no pictures in"):
        load_dataset(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(DatasetError, match=r"bad\.png is no picture to measure with"):
        load_dataset(tmp_path)


def test_pictures_that_change_during_a_run(tmp_path):
    picture = load_dataset(fill(tmp_path / "f")).pictures[0]
    Image.fromarray(PIXELS["kodim02"]).save(picture.path)
    with pytest.raises(DatasetError, match="has changed since the run began"):
        picture.load()
