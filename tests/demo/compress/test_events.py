"""Tests of the first tab without a browser: rivals, sizes in bytes, words, events."""

from __future__ import annotations

import base64
import gc
import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

import semcomp
from semcomp.demo.compress import display, opening, sides, viewer
from semcomp.demo.compress.equal_bytes import fit, match
from semcomp.demo.compress.events import CompressEvents
from semcomp.demo.sessions.runs import FIRST, PEOPLE, Choice
from semcomp.demo.sessions.session import Session, Shelf
from semcomp.demo.sessions.visits import VISITS, Visit
from semcomp.demo.shared import words, work
from semcomp.errors import FormatError, SemanticError, SizeError
from semcomp.formats.registry import WRITERS, read, write
from semcomp.formats.webp import WebpWriter
from semcomp.metrics import ssim_map
from semcomp.pipeline import info


def small(name: str = "cat", side: int = 96) -> np.ndarray:
    """A crop of a sample picture, uint8 (side, side, 3)."""
    return np.ascontiguousarray(work.samples()[name][40 : 40 + side, 100 : 100 + side])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the page go where the test's own go."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(small(), "cat", model="small")


@pytest.fixture(scope="module")
def portrait() -> Session:
    """A face and a person."""
    picture = work.samples()["astronaut"][:256:2, 100:356:2]
    return Session(np.ascontiguousarray(picture), "astronaut", model="small")


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_a_format_is_the_largest_file_within_the_budget(name: str) -> None:
    writer, picture = WRITERS[name], small(side=128)
    budget = len(write(writer, picture, 40)) + 3
    found = match(name, picture, budget)
    assert 0.9 * budget < len(found.data) <= budget
    assert found.data == write(writer, picture, found.quality)
    assert (found.picture == read(found.data)).all()
    assert match(name, picture, 10**9).quality == writer.search_range[1]
    smallest = match(name, picture, 10)
    assert smallest.quality == writer.search_range[0] and len(smallest.data) > 10


def test_a_format_that_cannot_take_part_says_why(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(WebpWriter):
        def write(self, *anything: Any) -> bytes:
            raise FormatError("no such picture")

    monkeypatch.setitem(WRITERS, "webp", Broken())
    side = sides.find_side(session, "webp", session.finished(Choice(3)))
    assert side.picture is None and side.problem == "no such picture"


@pytest.mark.parametrize("allocation", ["uniform", "proportional"])
def test_a_size_in_bytes_is_kept_to(session: Session, allocation: str) -> None:
    budget = len(session.data(Choice(5, allocation))) + 1
    found = fit(session, Choice(8, allocation), budget)
    assert len(session.data(found)) <= budget and found.level >= 4.75
    assert fit(session, Choice(8, allocation), 10**7).level == 24
    with pytest.raises(SizeError, match="ask for at least"):
        fit(session, Choice(8, allocation), 30)


def test_george_takes_no_more_bytes_than_ours(session: Session) -> None:
    run = session.finished(Choice(4))
    assert sides.ready_side(session, "george", run) is None
    george = sides.find_side(session, "george", run)
    assert george.facts is not None and george.facts["bytes"] <= len(run.data)
    assert sides.ready_side(session, "george", run) is george
    tiny = session.finished(Choice(1, "uniform"))
    larger = sides.find_side(session, "jpeg", tiny)
    assert larger.facts is not None and larger.facts["bytes"] > len(tiny.data)
    assert larger.setting.endswith("its smallest file") and larger.picture is not None


def test_the_important_region_has_a_score_of_its_own(session: Session) -> None:
    run = session.finished(Choice(4))
    facts = sides.our_side(session, run).facts or {}
    from semcomp.semantics.activation import upsample_grey

    inside = upsample_grey(session.encoder.semantic_map().grey, 96, 96) >= 128
    scores = ssim_map(session.picture, run.picture)
    assert facts["region_ssim"] == pytest.approx(float(scores[inside].mean()))
    assert facts["region_share"] == pytest.approx(inside.mean())
    assert f"{facts['region_ssim']:.4f}" in words.side_html(facts, [])


def test_a_comparison_marks_the_better_score() -> None:
    base = {"bytes": 1000, "bpp": 1.0, "percent": 2.0, "psnr": 30.0, "ms_ssim": None,
            "si_ssim": 0.8, "region_ssim": 0.9, "notes": ["<note>"]}  # fmt: skip
    better = {**base, "bytes": 1001, "si_ssim": 0.85, "psnr": 29.0}
    html = words.versus_html([("Left", "q 1", base), ("<Right>", "q 2", better)], ["seen"])
    rows = {row.split("</th>")[0].split(">")[-1]: row for row in html.split("<tr>")[2:]}
    assert rows["SI-SSIM"].index("class=best") > rows["SI-SSIM"].index("0.8000")
    assert rows["PSNR, dB"].index("class=best") < rows["PSNR, dB"].index("30.00")
    assert "class=best" not in rows["Important region"] + rows["MS-SSIM"]
    assert "n/a" in rows["MS-SSIM"] and "<Right>" not in html and "<note>" not in html
    assert "Left takes 99.9% of the bytes" in html and "At the same bytes" in html
    small = {**base, "bytes": 912}
    for columns in ([("JPEG", "q 1", small), ("Ours", "", base)],
                    [("Ours", "", base), ("JPEG", "q 1", small)]):  # fmt: skip
        assert "JPEG, 9% smaller" in words.versus_html(columns, [])


def test_sizes_are_compared_in_words() -> None:
    assert [words.against(size, 1000) for size in (1004, 996, 912, 1410, 2310, 12_000)] == [
        *("", "", "9% smaller", "41% larger", "2.3 times as large", "12 times as large"),
    ]
    assert words.smaller(0.87) == "115 times smaller than its pixels"
    assert words.smaller(90) == "1.11 times smaller than its pixels"
    assert words.smaller(250) == "2.5 times as large as its pixels"


def test_the_command_makes_the_same_file(session: Session, portrait: Session) -> None:
    top = session.encoder.semantic_map().top
    plain = words.command(
        "cat", Choice(4, "proportional", top[0].name), session.encoder.semantic_map()
    )
    assert plain == (
        "python -m semcomp compress cat.png cat.semc --level 4 --allocation proportional"
    )
    second = Choice(4.25, "rd", top[1].name)
    steered = words.command("my cat", second, session.semantic_map(second))
    assert "'my cat.png'" in steered
    assert steered.endswith(f"--class {shlex.quote(top[1].name)}")
    chosen = Choice(4, "rd", PEOPLE, 1.5, ("face",))
    people = words.command("she", chosen, portrait.semantic_map(chosen))
    assert people.endswith("--allocation rd --map people --without face --focus 1.5")
    even = words.command(
        "she", chosen._replace(allocation="uniform"), portrait.semantic_map(chosen)
    )
    assert even.endswith("--allocation uniform")
    assert words.link("http://a/b?x#y", {"level": "4"}) == "http://a/b?level=4"


def test_a_preview_says_that_its_size_is_expected() -> None:
    html = words.preview_html(4321, (100, 100))
    assert "≈4.3 kB" in html and "Expected size" in html and "…" in html
    assert "…" in words.preview_html(None, (100, 100))


def test_the_viewer_s_value_is_whole(session: Session) -> None:
    run = session.finished(Choice(4))
    ours = viewer.picture_side(session, sides.our_side(session, run), "Ours", ("exact", run.choice))
    original = viewer.picture_side(
        session, sides.Side("original", session.picture), "Original", "original"
    )
    value = viewer.value_of(
        session, [original, ours], [("original", "Original"), ("ours", "Ours")], "exact",
        semantic_map=session.encoder.semantic_map(), levels=run.plan.levels,
        spent=session.spent(run.plan.levels),
    )  # fmt: skip
    codes = info(run.data)["sizes"]["codes"]
    assert session.spent(run.plan.levels).sum() / 8 == pytest.approx(codes, rel=0.15)
    stored = Path(ours["url"].removeprefix("gradio_api/file="))
    assert (np.asarray(Image.open(stored)) == run.picture).all()
    assert base64.b64decode(value["grid"]["levels"]) == run.plan.levels.tobytes()
    levels = run.plan.levels
    assert (value["blocks"]["low"], value["blocks"]["high"]) == (levels.min(), levels.max())
    spent = value["spent"]
    assert 0 <= spent["low"] < spent["high"] and 0 < spent["place"] < 1
    drawn = Image.open(io.BytesIO(base64.b64decode(value["blocks"]["url"].split(",")[1])))
    assert drawn.size == run.plan.levels.shape[::-1] and value["size"] == [96, 96]
    lightness = np.asarray(drawn.convert("L"))
    assert (
        lightness[levels == levels.max()].min() > 200 > 60 > lightness[levels == levels.min()].max()
    )
    outlined = Image.open(io.BytesIO(base64.b64decode(value["heat"].split(",")[1])))
    assert (np.asarray(outlined) == 255).all(2).any()


def test_a_shelf_is_bounded_and_goes_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semcomp.demo.sessions.session.MOST_FILES", 2)
    shelf = Shelf()
    first = shelf.put("a", lambda: small(side=8))
    assert shelf.put("a", lambda: small(side=16)) == first
    for key in "bc":
        shelf.put(key, lambda: small(side=8))
    assert not first.exists() and len(list(shelf.folder.iterdir())) == 2
    folder = shelf.folder
    del shelf
    gc.collect()
    assert not folder.exists()


@pytest.fixture
def visitor() -> Iterator[Any]:
    request = SimpleNamespace(session_hash="visitor of a test", query_params={})
    yield request
    VISITS.leave(request.session_hash)


def outputs(visitor: Any, *controls: Any, here: str = "") -> Iterator[Any]:
    """What the first tab shows of these controls."""
    return CompressEvents().run(visitor, sides.FIRST, None, here, gr.Progress(), *controls)


def test_a_run_shows_parts_and_a_change_of_mind_ends_it(tmp_path: Path, visitor: Any) -> None:
    Image.fromarray(small()).save(tmp_path / "mine.png")
    upload = {"path": str(tmp_path / "mine.png"), "orig_name": "mine.png"}
    acts = CompressEvents()
    settings = (upload, 3, "proportional", None, 1, "", None, 0, "small")
    assert acts.quick(visitor, sides.FIRST, *settings)[0] == gr.skip()  # nothing is known yet
    acts.begin(upload, visitor)
    values = list(outputs(visitor, *settings, here="http://here"))
    values = [out for out in values if isinstance(out[0], dict) and "phase" in out[0]]
    phases = [out[0]["phase"] for out in values]
    assert phases[0] == "running" and phases[-1] == "exact"
    assert any("so far" in out[0]["sides"][1]["tag"] for out in values)
    *_, seen, asked, link, command, _ = values[-1]
    assert asked is None
    names = [Path(each).name for each in values[-1][2:4]]
    assert names == ["mine.semc", "mine.png"] and "picture=" not in link
    assert "mine.png" in command

    moved = (upload, 5, "proportional", PEOPLE, 1, "", seen, 0, "small")
    value, html, *files = acts.quick(visitor, sides.FIRST, *moved)
    assert value["phase"] == "preview" and "…" in html
    assert files == [None, None, None]  # those of the former level
    later = outputs(visitor, *moved)
    next(later)
    same = (*settings[:3], PEOPLE, 1, "", seen, *settings[7:])
    assert acts.quick(visitor, sides.FIRST, *same)[0]["phase"] == "exact"
    assert all(out[0].get("phase") != "exact" for out in later)
    assert acts.expect(visitor)["curves"]["proportional"][0][0] == 1
    assert acts.aim(visitor, "100 kB", upload, 5, "uniform", None, 1, "", seen, 0, "small") == 24
    acts.leave(visitor)
    assert VISITS.current(visitor.session_hash) is None


def test_the_papers_network_is_one_of_the_choices(tmp_path: Path, visitor: Any) -> None:
    Image.fromarray(small()).save(tmp_path / "mine.png")
    upload = {"path": str(tmp_path / "mine.png"), "orig_name": "mine.png"}
    acts = CompressEvents()
    ours = (upload, 2, "proportional", None, 1, "", None, 0, "small")
    *_, (*_, classes, _, _, _, _) = outputs(visitor, *ours)
    settings = (*ours[:6], classes, 0, "paper")
    assert acts.quick(visitor, sides.FIRST, *settings)[0] == gr.skip()  # it is of another network
    values = list(outputs(visitor, *settings, here="http://here"))
    assert words.LOOP in [out[0]["note"] for out in values if "note" in out[0]]
    _, _, file, *_, link, command, _ = values[-1]
    visit = VISITS.current(visitor.session_hash)
    assert visit is not None
    run = visit.session.finished(visit.choice)
    expected = semcomp.compress(small(), 2, "proportional", model="paper", device="cpu")
    assert Path(file).read_bytes() == run.data == expected.data
    assert run.complete  # every iteration made a picture, for the slider
    assert (run.picture == np.asarray(expected.reconstruction)).all()
    assert "model=paper" in link and command.endswith("--model paper")
    assert "text" in acts.expect(visitor)


def test_another_picture_ends_what_is_under_way(tmp_path: Path, visitor: Any) -> None:
    uploads = []
    for name, side in (("one.png", 96), ("two.png", 80)):
        Image.fromarray(small(side=side)).save(tmp_path / name)
        uploads.append({"path": str(tmp_path / name), "orig_name": name})
    acts = CompressEvents()
    settings = (3, "proportional", None, 1, "", None, 0, "small")
    *_, last = outputs(visitor, uploads[0], *settings)
    running = outputs(visitor, uploads[0], 4, *settings[1:])
    filling = acts.fill(("jpeg", "ours"), visitor)
    next(running), next(filling)
    value, facts, file, png, classes, *_ = acts.begin(uploads[1], visitor)
    assert value["sides"] == [] and value["key"] == "" and (facts, file, png) == ("", None, None)
    assert classes["choices"] == []
    assert all(out[0] == gr.skip() or out[0]["phase"] != "exact" for out in running)
    assert all(out[0] == gr.skip() for out in filling)
    assert acts.expect(visitor) == gr.skip()
    *_, last = outputs(visitor, uploads[1], *settings)
    assert Path(last[2]).name == "two.semc"

    (tmp_path / "two.png").write_bytes(b"no picture")
    picture, value, facts, *_ = acts.clear(uploads[1], visitor)
    assert picture is None and value["note"] == words.NO_PICTURE and facts == ""
    assert VISITS.current(visitor.session_hash) is None


def test_a_format_and_its_file(tmp_path: Path, visitor: Any) -> None:
    Image.fromarray(small()).save(tmp_path / "mine.png")
    upload = {"path": str(tmp_path / "mine.png"), "orig_name": "mine.png"}
    acts = CompressEvents()
    settings = (upload, 8, "proportional", None, 1, "", None, 0, "small")
    assert acts.choose_format("JPEG", "", visitor)[0] == ("jpeg", "jpeg-map")  # before any result
    assert not acts.ordinary(("jpeg", "jpeg-map"), visitor)["visible"]
    *_, _ = outputs(visitor, *settings)
    pair, value, _, link = acts.choose_format("WebP", "http://here/", visitor)
    assert pair == ("webp", "webp-map") and "right=webp-map" in link
    assert all("problem" in side for side in value["sides"])
    assert not acts.ordinary(pair, visitor)["visible"]
    *_, last = acts.fill(pair, visitor)
    assert "WebP + map" in last[1]
    button = acts.ordinary(pair, visitor)
    assert button["visible"] and button["label"] == "Download .webp"
    file = Path(button["value"])
    visit = VISITS.current(visitor.session_hash)
    assert visit is not None and file.name == "mine.webp"
    assert file.read_bytes() == visit.shown["webp-map"].data


def test_what_was_chosen_last_stays(tmp_path: Path, visitor: Any) -> None:
    """Answers to earlier choices come late on a busy host; they must not take the place of it."""
    Image.fromarray(small()).save(tmp_path / "mine.png")
    upload = {"path": str(tmp_path / "mine.png"), "orig_name": "mine.png"}
    acts = CompressEvents()
    settings = (upload, 2, "uniform", None, 1, "", None, 0, "small")

    def choose(left: str, right: str) -> Any:
        return acts.choose(f"{left} {right}", "", visitor)

    running = outputs(visitor, *settings)
    next(running)
    choose("ours", "original")  # while the picture is on its way
    *_, last = running
    assert [side["key"] for side in last[0]["sides"]] == ["ours", "original"]

    for slow in (acts.fill, acts.fill_george):
        pair = ("jpeg" if slow == acts.fill else "george", "ours")
        assert choose(*pair)[0] == pair
        filling = slow(pair, visitor)
        next(filling)
        assert choose("original", "ours")[0] == ("original", "ours")
        assert all(value == gr.skip() for values in filling for value in values)
    assert acts.quick(visitor, sides.FIRST, *settings)[0]["sides"][0]["key"] == "original"


def test_a_link_s_settings_are_checked() -> None:
    acts = CompressEvents()
    asked = {"picture": "coffee", "level": "12.5", "allocation": "rd", "class": "cup",
             "focus": "1.5", "without": "cup\nspoon",
             "left": "george", "right": "ours", "model": "paper"}  # fmt: skip
    request: Any = SimpleNamespace(query_params=asked)
    picture, model, level, allocation, strength, link, pair, here, *_ = acts.open(
        "http://here", "", request
    )
    assert (picture == work.samples()["coffee"]).all()
    assert (model, level, allocation, strength, pair, here) == (
        "paper", 12.5, "rd", 1.5, ("george", "ours"), "http://here",
    )  # fmt: skip
    assert (link.focus, link.without) == ("cup", ("cup", "spoon"))
    wrong = {"picture": "../etc", "level": "nan", "allocation": "x", "focus": "3",
             "left": "ours", "right": "ours", "model": "../etc"}  # fmt: skip
    request = SimpleNamespace(query_params=wrong)
    assert acts.open("", "", request)[:5] == (gr.skip(),) * 5
    assert acts.open("", "", request)[5:7] == (None, sides.FIRST)


def test_a_link_s_subjects_are_those_of_the_picture(portrait: Session) -> None:
    link = opening.read_link({"without": "no such thing\nface"}, sides.LABELS, sides.FIRST)
    linked = opening.as_linked(portrait, FIRST, link)
    assert linked == FIRST._replace(without=("face",))
    visit = Visit(portrait, linked._replace(strength=0.5))
    query = dict(parse_qsl(urlsplit(opening.write_link("http://here/", visit, sides.FIRST)).query))
    again = opening.read_link(query, sides.LABELS, sides.FIRST)
    assert opening.as_linked(portrait, again.choice, again) == visit.choice
    other = opening.read_link(
        {"class": portrait.encoder.semantic_map().top[1].name}, sides.LABELS, sides.FIRST
    )
    assert opening.as_linked(portrait, FIRST, other).focus == other.focus
    unknown = opening.read_link({"class": "no such class"}, sides.LABELS, sides.FIRST)
    assert opening.as_linked(portrait, FIRST, unknown) == FIRST


def test_subjects_are_framed_and_switched_off(portrait: Session) -> None:
    without = FIRST._replace(without=("face",))
    values = [
        viewer.value_of(portrait, [], [], "running", semantic_map=portrait.semantic_map(choice))
        for choice in (FIRST, without)
    ]
    assert [each["subjects"][0]["counts"] for each in values] == [True, False]
    left, top, right, bottom = values[0]["subjects"][0]["box"]
    assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    assert values[0]["subjects"][-1]["box"] is None  # the class is everywhere
    assert values[0]["heat"] != values[1]["heat"]
    assert (portrait.plan(FIRST).levels != portrait.plan(without).levels).any()


def test_a_missing_detector_is_said_and_the_classifier_steers(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(picture: np.ndarray, text: bool = True) -> Any:
        raise SemanticError("the detector x.onnx is missing: copy it")

    monkeypatch.setattr("semcomp.encoder.find_subjects", missing)
    alone = Session(session.picture, "cat", model="small")
    assert alone.data(FIRST) == session.data(Choice(FIRST.level, FIRST.allocation))
    value = display.on_the_way(Visit(alone), sides.FIRST, None, FIRST)
    assert "classifier's map: the detector x.onnx is missing: copy it" in value["hint"]


def test_loading_the_page_again_keeps_an_upload(tmp_path: Path, visitor: Any) -> None:
    acts = CompressEvents()
    kept = Path(get_upload_folder()) / "ab" / "mine.png"
    kept.parent.mkdir(parents=True)
    Image.fromarray(small()).save(kept)
    visitor.query_params = {"level": "4", "area": "3000000"}
    picture, _, level, *_, viewer, facts, area = acts.open("http://here", str(kept), visitor)
    assert (picture, level, area) == (str(kept), 4, 3_000_000)
    assert viewer["note"] == words.READING_PICTURE and VISITS.awaits(visitor.session_hash)
    for gone in (kept.with_name("other.png"), tmp_path / "outside.png"):
        picture, *_, viewer, facts, _ = acts.open("http://here", str(gone), visitor)
        assert picture is None and viewer["note"] == words.GONE and facts == gr.skip()
