"""The result the page opens with: made before the first visitor comes, left alone when one does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

import semcomp
from semcomp.demo.compress import opening
from semcomp.demo.compress.events import CompressEvents
from semcomp.demo.sessions.runs import FIRST
from semcomp.demo.sessions.visits import SHARED, Visits
from semcomp.demo.shared import work


@pytest.fixture(autouse=True)
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visits]:
    """A server of its own with two small samples and nobody there."""
    cut = {
        name: np.ascontiguousarray(work.samples()[name][40:136, 100:228])
        for name in ("cat", "coffee")
    }
    fresh = Visits()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(work, "samples", lambda: cut)
    monkeypatch.setattr(opening, "VISITS", fresh)
    work._sample_hashes.cache_clear()
    yield fresh
    work._sample_hashes.cache_clear()


def opened(**query: str) -> tuple[Any, Any]:
    """Viewer and numbers that a page opened with this query has at once."""
    request: Any = SimpleNamespace(query_params=query)
    *_, viewer, facts, _ = CompressEvents().open("http://here", "", request)
    return viewer, facts


def test_the_first_visitor_finds_the_result() -> None:
    assert opened() == (gr.skip(), gr.skip())
    assert opening.warm()
    viewer, facts = opened()
    assert viewer["phase"] == "exact" and all(side["url"] for side in viewer["sides"])
    assert [side["label"] for side in viewer["sides"]] == ["JPEG", "Ours"]
    made = semcomp.compress(work.samples()["cat"], FIRST.level, semantic_map="people")
    assert f"{len(made.data):,}" in facts and "JPEG" in facts
    assert opened(picture="cat", level="8") == (viewer, facts)
    others = [{"picture": "coffee"}, {"level": "3"}, {"class": "lynx"}, {"model": "paper"}]
    for other in [*others, {"focus": "2"}]:
        assert opened(**other) == (gr.skip(), gr.skip())


def test_a_visitor_who_comes_early_has_the_server_alone(visits: Visits) -> None:
    visits.visit("somebody", visits.get("somebody", work.samples()["coffee"]))
    assert not opening.warm()
    session = visits.get(SHARED, work.samples()["cat"], "cat", shared=True)
    assert session.run(FIRST) is None


def test_it_works_beside_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    thread = opening.start_warming()
    assert thread is not None
    thread.join()
    assert opened()[0]["phase"] == "exact"
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert opening.start_warming() is None
