"""Tests of what the demo keeps of a picture: the same results as the library, and bounded."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import semcomp
from semcomp.demo.sessions.runs import PEOPLE, Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import Visits, identity
from semcomp.demo.shared import work
from semcomp.encoder import Cache
from semcomp.errors import AllocationError, SemanticError
from semcomp.metrics import psnr
from semcomp.pipeline import info
from semcomp.semantics.activation import user_map


def small(name: str = "cat", side: int = 128) -> np.ndarray:
    """A crop of a sample picture, uint8 (side, side + 8, 3): its width is padded."""
    return np.ascontiguousarray(work.samples()[name][40 : 40 + side, 100 : 108 + side])


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(small(), model="small")


def test_the_focus_on_people_is_the_library_s_map_of_people() -> None:
    astronaut = np.ascontiguousarray(work.samples()["astronaut"][:192, 120:320])
    session = Session(astronaut, model="small")
    made = semcomp.compress(astronaut, 2, "rd", semantic_map="people")
    assert session.data(Choice(2, "rd", PEOPLE)) == made.data
    assert made.data != session.data(Choice(2, "rd"))
    assert not session.no_detector
    found = session.semantic_map(Choice(focus=PEOPLE)).subjects
    assert "face" in {subject.label for subject in found}


@pytest.mark.parametrize("allocation", ["uniform", "proportional", "rd"])
def test_a_session_writes_what_the_library_writes(session: Session, allocation: Any) -> None:
    choice = Choice(3, allocation)
    run = session.finished(choice)
    made = semcomp.compress(session.picture, 3, allocation)
    assert run.data == made.data and info(run.data)["sizes"] == made.sizes
    assert (run.picture == np.asarray(semcomp.decompress(run.data))).all()
    assert session.run(choice) is run and session.finished(choice) is run


@pytest.mark.parametrize("model", ["small", "recurrent"])
def test_every_iteration_is_the_file_cut_there(session: Session, model: str) -> None:
    session = Session(session.picture, model=model)
    choice = Choice(3, "proportional")
    run = session.finished(choice)
    # A decoder in one pass makes the pictures on the way when somebody asks for them.
    assert run.complete is (model == "recurrent")
    assert run.iterations == run.plan.levels.max()
    for k in (1, run.iterations - 1, run.iterations):
        cut = np.asarray(semcomp.decompress(run.data, iterations=k))
        assert (session.decoded(k, choice) == cut).all()
    with pytest.raises(IndexError):
        session.decoded(run.iterations + 1, choice)


def test_another_class_moves_the_bits(session: Session) -> None:
    top = session.encoder.semantic_map().top
    other = session.plan(Choice(3, focus=top[-1].name)).levels
    assert other.sum() == session.plan(Choice(3)).levels.sum()
    assert (other != session.plan(Choice(3)).levels).any()
    with pytest.raises(SemanticError, match="class"):
        session.plan(Choice(3, focus="no such thing"))


@pytest.mark.parametrize("allocation", ["uniform", "proportional"])
def test_expected_bytes_are_close(session: Session, allocation: str) -> None:
    """They are of bits at full level: where fewer blocks send, slots learn from those alone."""
    for level in (1, 3.5, 10, 24):
        choice = Choice(level, allocation)
        real = len(session.data(choice))
        assert abs(session.expected_bytes(choice) - real) <= 0.04 * real + 20


def test_rd_is_expected_at_the_bytes_of_uniform() -> None:
    fresh = Session(small("coffee", 96), model="small")
    assert not fresh.encoder.has_rd_table
    expected = fresh.expected_bytes(Choice(3, "rd"))
    assert expected == fresh.expected_bytes(Choice(3, "uniform"))


@pytest.mark.parametrize("model", ["small", "recurrent"])
def test_a_preview_is_near_the_picture_it_stands_for(session: Session, model: str) -> None:
    base, wanted = Choice(3, "proportional"), Choice(5, "proportional")
    fresh = Session(session.picture, model=model)
    assert fresh.preview(wanted) is None
    run = fresh.finished(base)
    same = fresh.preview(base)
    assert same is not None and np.abs(same.astype(int) - run.picture).max() <= 1
    guessed = fresh.preview(wanted)
    exact = fresh.finished(wanted).picture
    assert guessed is not None
    assert psnr(exact, guessed) > 32
    assert psnr(exact, guessed) > psnr(exact, run.picture)


def test_wrong_settings_are_refused(session: Session) -> None:
    for choice in (Choice(0), Choice(25), Choice(3, "random")):
        with pytest.raises(AllocationError):
            session.plan(choice)


def test_a_painted_map_steers_a_plan(session: Session) -> None:
    height, width = session.picture.shape[:2]
    painted = np.zeros((height, width), bool)
    painted[:, : width // 2] = True
    plan = session.plan(Choice(4), user_map(painted, height, width))
    levels = plan.levels.astype(float)
    assert levels[:, :6].mean() > levels[:, -6:].mean()
    decoded = np.asarray(semcomp.decompress(session.encoder.file(plan)))
    *_, (done, total, last) = session.decode_plan(plan)
    assert done == total and (last == decoded).all()


def test_runs_and_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Session(small(side=64), model="recurrent")
    for level in (1, 2, 3, 4, 5, 6):
        fresh.finished(Choice(level, "uniform"))
    kept = [level for level in range(1, 7) if fresh.run(Choice(level, "uniform"))]
    assert kept == [3, 4, 5, 6]
    monkeypatch.setattr("semcomp.demo.sessions.runs.HISTORY_BYTES", 2 * fresh.encoder.padded.nbytes)
    run = fresh.finished(Choice(7, "uniform"))
    assert not run.complete and len(run.history) == 1
    cut = np.asarray(semcomp.decompress(run.data, iterations=2))
    assert (fresh.decoded(2, Choice(7, "uniform")) == cut).all()


def test_visitors_have_their_own_sessions() -> None:
    visits = Visits()
    picture = small(side=32)
    mine, yours = visits.get("me", picture), visits.get("you", picture)
    assert mine is not yours and visits.get("me", picture) is mine
    ours = visits.get("me", small("coffee", 32), shared=True)
    assert visits.get("you", small("coffee", 32), shared=True) is ours
    visits.visit("me", mine)
    found = visits.current("me")
    assert found is not None and found.session is mine
    visits.leave("me")
    assert visits.current("me") is None and visits.get("me", picture) is not mine
    assert visits.get("you", picture) is yours


def test_a_new_picture_replaces_the_old_one() -> None:
    visits = Visits()
    first = visits.get("me", small(side=32))
    visits.visit("me", first)
    second = visits.get("me", small("coffee", 32))
    visits.visit("me", second)
    assert visits.get("me", small(side=32)) is not first


def test_the_oldest_session_goes_when_memory_is_short() -> None:
    picture = small(side=32)
    visits = Visits(max_bytes=5 * picture.nbytes)
    first = visits.get("a", picture)
    visits.visit("a", first)
    for visitor in "bcd":
        visits.get(visitor, picture)
    assert visits.nbytes <= 5 * picture.nbytes
    assert visits.current("a") is None and visits.get("a", picture) is not first


def test_identity_is_the_page_s_session() -> None:
    request: Any = SimpleNamespace(session_hash="abc")
    assert identity(request) == "abc" and identity(None) == "nobody"


def test_a_value_is_made_once_and_not_kept_if_it_fails() -> None:
    cache, made = Cache(), []

    def make() -> int:
        made.append(1)
        return len(made)

    together = threading.Barrier(4)

    def ask() -> None:
        together.wait()
        cache.once("x", make)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.once("y", fail)
    assert ("y", None) not in cache
    for key in range(5):
        cache.once("few", make, key, most=2)
    assert ("few", 2) not in cache and ("few", 4) in cache
