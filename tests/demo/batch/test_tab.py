"""Batches: one row each, one ZIP, nothing lost to a broken file; and the tab in a browser."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp.demo.batch import jobs as batch
from semcomp.demo.batch import tab as tab_batch
from semcomp.demo.batch.jobs import Batch, BatchSettings, Item
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.shared import downloads, work
from semcomp.formats.registry import WRITERS
from semcomp.pipeline import compress, decompress

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUICK = BatchSettings(Choice(2), 0, scores=False, pictures=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, and a file that is none."""
    made: Path = tmp_path_factory.mktemp("pictures")
    Image.fromarray(skimage.data.chelsea()[60:156, 180:276]).save(made / "cat.png")
    Image.fromarray(skimage.data.coffee()[60:156, 180:276]).save(made / "coffee.png")
    (made / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return made


def upload(path: Path, name: str | None = None) -> dict[str, str]:
    return {"path": str(path), "orig_name": name or path.name}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_picture_has_its_file_and_its_row(folder: Path) -> None:
    settings = BatchSettings(Choice(2), 0, scores=True, pictures=True)
    made = Batch([upload(folder / name) for name in ("cat.png", "broken.png", "cat.png")], settings)
    seen: list[tuple[int, int]] = []
    while not made.done:
        made.step(lambda done, total: seen.append((done, total)))
    assert seen and seen[-1][0] == seen[-1][1]
    with zipfile.ZipFile(io.BytesIO(batch.archive(made.items))) as packed:
        assert packed.testzip() is None
        names = ["cat.semc", "cat.png", "cat-2.semc", "cat-2.png", "summary.csv"]
        assert packed.namelist() == names
        data = packed.read("cat.semc")
        decoded = np.asarray(Image.open(io.BytesIO(packed.read("cat.png"))))
        table = rows(packed.read("summary.csv").decode())
    picture = np.asarray(Image.open(folder / "cat.png"))
    assert data == compress(picture, 2, device="cpu").data
    assert (decoded == np.asarray(decompress(data))).all()
    assert [row["picture"] for row in table] == ["cat", "broken", "cat-2"]
    assert int(table[0]["bytes"]) == len(data) and float(table[0]["psnr_db"]) > 10
    assert table[0]["ms_ssim"] == ""  # not defined for so small a picture
    assert "not a picture" in table[1]["problem"] and table[1]["bytes"] == ""


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_ordinary_files_of_the_same_size(folder: Path, name: str) -> None:
    settings = BatchSettings(Choice(14), 0, scores=True, pictures=True, format=name)
    item = batch.compress_one(upload(folder / "cat.png"), settings)
    picture, suffix = np.asarray(Image.open(folder / "cat.png")), WRITERS[name].suffixes[0]
    most = len(compress(picture, 14, device="cpu").data)
    packed = compress(picture, format=name, max_bytes=most)
    assert item.problem == "" and item.files[f"cat{suffix}"] == packed.data
    assert item.row["bytes"] == len(packed.data) <= most and item.row["format"] == name
    assert item.row["model"] == "" and item.row["psnr_db"] > 20
    decoded = np.asarray(Image.open(io.BytesIO(item.files["cat.png"])))
    assert (decoded == np.asarray(packed.reconstruction)).all()
    tiny = batch.compress_one(upload(folder / "cat.png"), replace(settings, choice=Choice(1)))
    assert "ask for at least" in tiny.problem and tiny.files == {}


def test_only_listed_formats_are_written(folder: Path) -> None:
    with pytest.raises(gr.Error, match="choose a listed format"):
        uploads = [upload(folder / "cat.png")]
        tab_batch.begin(uploads, 2, "uniform", "gif", [], 0, 0, visitor("one"))


def test_scores_are_left_out_where_nobody_asked(folder: Path) -> None:
    item = batch.compress_one(upload(folder / "cat.png"), QUICK)
    assert list(item.files) == ["cat.semc"] and item.row["psnr_db"] == ""


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("holiday 3.jpeg", "holiday 3"),
        ("=SUM(A1).png", "SUM-A1"),
        ("../../etc/passwd.png", "passwd"),
        ("süß🙂.png", "süß"),
        ("....png", "picture"),
        ("x" * 300 + ".png", "x" * downloads.LONGEST),
    ],
)
def test_names_are_plain(folder: Path, given: str, plain: str) -> None:
    assert downloads.plain(work.name_of(upload(folder / "cat.png", given))) == plain


def test_names_differ_on_every_system(folder: Path) -> None:
    names = ("A.png", "a.jpg", "summary.gif")
    made = Batch([upload(folder / "broken.png", name) for name in names], QUICK)
    while not made.done:
        made.step()
    assert [item.row["picture"] for item in made.items] == ["A", "a-2", "summary-2"]


def test_a_cell_is_never_a_formula() -> None:
    row = dict.fromkeys(batch.COLUMNS, "") | {"picture": "=1+1", "problem": "@x", "bytes": -1}
    (read,) = rows(batch.summary([Item(row, {})]))
    assert read["picture"] == "'=1+1" and read["problem"] == "'@x" and read["bytes"] == "-1"


def visitor(name: str) -> Any:
    return SimpleNamespace(session_hash=name)


def test_one_visitor_s_batch_is_not_another_s(folder: Path) -> None:
    uploads = [upload(folder / "broken.png"), upload(folder / "broken.png")]
    begin = partial(tab_batch.begin, uploads, 2, "uniform", "semc", [], 0, 0)
    begin(visitor("one"))
    assert tab_batch.step(1, visitor("two"))[4] == gr.skip()
    assert tab_batch.step(1, visitor("one"))[4] == 2  # one more to do
    tab_batch.halt(visitor("two"))
    tab_batch.halt(visitor("one"))
    table, file, *_ = tab_batch.step(2, visitor("one"))
    assert "1 of 2 pictures" in table
    with zipfile.ZipFile(file) as packed:
        assert packed.namelist() == ["summary.csv"]
    assert tab_batch.BATCHES.get("one") is None
    begin(visitor("one"))
    tab_batch.leave(visitor("one"))
    assert tab_batch.BATCHES.get("one") is None


@pytest.mark.parametrize(("count", "message"), [(0, "choose some files"), (25, "than the 24")])
def test_too_few_and_too_many_are_named(folder: Path, count: int, message: str) -> None:
    uploads = [upload(folder / "cat.png")] * count
    with pytest.raises(gr.Error, match=message):
        tab_batch.begin(uploads, 2, "uniform", "semc", [], 0, 0, visitor("one"))


def test_the_oldest_batches_go_first() -> None:
    kept = tab_batch.Batches()
    for number in range(tab_batch.MOST_BATCHES + 1):
        kept.put(str(number), Batch([], QUICK))
    assert kept.get("0") is None and kept.get("1") is not None


def test_texts_from_outside_are_escaped() -> None:
    row = dict.fromkeys(batch.COLUMNS, "") | {"picture": "<i>", "problem": "<b>"}
    shown = tab_batch.table_html(Batch([None], QUICK, [Item(row, {})]))
    assert "&lt;i&gt;" in shown and "&lt;b&gt;" in shown and "<i>" not in shown


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the tab alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        with gr.Blocks() as page:
            tab_batch.build_tab(page)
        _, address, _ = page.launch(prevent_thread_lock=True, quiet=True)
        yield address
        page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_a_batch_in_the_browser(browser: Browser, url: str, folder: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(url)
    chosen = [folder / name for name in ("cat.png", "broken.png", "coffee.png")]
    page.locator("#batch-files input[type=file]").set_input_files(chosen)
    page.locator("#batch-files", has_text="coffee").wait_for(timeout=120_000)
    page.get_by_label("number input for Average level").fill("2")
    page.get_by_label("number input for Average level").press("Tab")
    page.locator("#batch-go").click()
    page.locator("#batch-zip").wait_for(timeout=120_000)
    table = page.locator("#batch-table").inner_text()
    assert "3 of 3 pictures" in table and "1 could not be used" in table
    with page.expect_download() as waiting:
        page.locator("#batch-zip").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        assert packed.namelist() == ["cat.semc", "coffee.semc", "summary.csv"]
        assert rows(packed.read("summary.csv").decode())[2]["level"] == "2"
    page.locator("#batch-format").get_by_text("JPEG", exact=True).click()
    page.get_by_label("number input for Average level").fill("20")
    page.get_by_label("number input for Average level").press("Tab")
    page.locator("#batch-go").click()
    page.locator("#batch-zip").wait_for(state="hidden")
    page.locator("#batch-zip").wait_for(timeout=120_000)
    with page.expect_download() as waiting:
        page.locator("#batch-zip").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        assert packed.namelist() == ["cat.jpg", "coffee.jpg", "summary.csv"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
