"""Tests of how events run: work in a thread of its own ends with the event that waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

import gradio as gr
import pytest
from gradio.context import LocalContext

from semcomp.demo.hosting import turns
from semcomp.demo.hosting.turns import Threads
from semcomp.demo.shared.events import Stop, reports


class Endless:
    """Work that never ends by itself and reports once."""

    def __init__(self) -> None:
        self.started, self.ended = threading.Event(), threading.Event()

    def __call__(self, step: Callable[[int, int], None]) -> None:
        try:
            step(1, 24)
            self.started.set()
            while True:
                time.sleep(0.01)
        finally:
            self.ended.set()


def test_reports_come_and_so_does_the_error() -> None:
    def work(step: Callable[[int, int], None]) -> None:
        step(1, 2)
        step(2, 2)

    assert list(reports(work)) == [(1, 2), (2, 2)]

    def damaged(step: Any) -> None:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        list(reports(damaged))


def test_work_ends_when_nobody_asks_for_its_reports() -> None:
    endless = Endless()
    told = reports(endless)
    assert next(told) == (1, 24)
    told.close()  # type: ignore[attr-defined]
    assert endless.ended.wait(60)


def in_a_job(run: Callable[[], Any]) -> SimpleQueue[Exception]:
    """Start a function as a job of an event of this name; where its error will be."""
    errors: SimpleQueue[Exception] = SimpleQueue()

    def job() -> None:
        try:
            run()
        except Exception as error:
            errors.put(error)

    LocalContext.event_id.set("the job")
    threading.Thread(target=copy_context().run, args=[job], daemon=True).start()
    return errors


def test_a_job_that_waits_for_a_report_is_stopped_and_so_is_the_work() -> None:
    endless, threads = Endless(), Threads()
    errors = in_a_job(threads.stoppable(lambda: list(reports(endless))))
    assert endless.started.wait(60)
    threads.stop("the job", "too long")
    assert "too long" in str(errors.get(timeout=60)) and endless.ended.wait(60)


def dropped(seconds: float) -> None:
    """Wait, and lose a stop that strikes meanwhile, as a finalizer does."""
    try:
        for _ in range(int(seconds * 100)):
            time.sleep(0.01)
    except Stop:
        pass


def test_a_job_ends_although_a_finalizer_has_dropped_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "AGAIN", 0.2)
    threads, started, ended = Threads(), threading.Event(), threading.Event()

    def job() -> None:
        started.set()
        dropped(60)
        try:
            while True:
                time.sleep(0.01)
        finally:
            ended.set()

    errors = in_a_job(threads.stoppable(job))
    assert started.wait(60)
    threads.stop("the job", "too long")
    assert "too long" in str(errors.get(timeout=60)) and ended.is_set()


def test_a_job_that_ends_without_its_stop_counts_as_stopped_and_the_next_one_runs() -> None:
    threads, started, last = Threads(), threading.Event(), SimpleQueue[str]()

    def job() -> None:
        started.set()
        dropped(60)

    def jobs() -> None:
        with pytest.raises(gr.Error, match="too long"):
            threads.stoppable(job)()
        last.put(threads.stoppable(lambda: "the next one's result")())

    errors = in_a_job(jobs)
    assert started.wait(60)
    threads.stop("the job", "too long")
    assert last.get(timeout=60) == "the next one's result" and errors.empty()
    assert not threads.stuck()
    threads.stop("the job", "nothing runs")


def test_work_whose_stop_was_dropped_ends_with_its_next_report() -> None:
    started, ended = threading.Event(), threading.Event()

    def work(step: Callable[[int, int], None]) -> None:
        step(0, 2)
        started.set()
        dropped(60)
        try:
            step(1, 2)
        finally:
            ended.set()

    told = reports(work)
    next(told)
    assert started.wait(60)
    told.close()  # type: ignore[attr-defined]
    assert ended.wait(60)


def test_a_job_that_cannot_be_stopped_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "STUCK", 0.0)
    threads, started, end = Threads(), threading.Event(), threading.Event()

    def job() -> None:
        started.set()
        end.wait()

    errors = in_a_job(threads.stoppable(job))
    assert started.wait(60) and not threads.stuck()
    threads.stop("the job", "too long")
    time.sleep(0.01)
    assert threads.stuck(), "it waits in one call, where no exception strikes"
    end.set()
    assert "too long" in str(errors.get(timeout=60)) and not threads.stuck()
