"""The scoring queue: leases, outcomes, and workers that die or come back too late."""

from __future__ import annotations

import pytest

from leaderboard.store.database import JobLost
from leaderboard.store.jobs import ATTEMPTS
from tests.support.store_samples import Clock, results, send


@pytest.fixture
def clock(store):
    store._clock = Clock()
    return store._clock


def test_a_job_from_the_queue_to_the_review(store, tmp_path, clock):
    ids = [send(store, tmp_path, bytes([n]), "recomputed").entry.id for n in range(2)]
    send(store, tmp_path, b"self-reported ones have no job")
    first, second = store.claim("a", 60), store.claim("b", 60)
    assert [first.entry.id, second.entry.id] == ids  # oldest first
    assert first.attempt == 1
    assert first.token not in repr(first)
    assert store.claim("c", 60) is None
    store.renew(first, 3, 192)
    assert store.entry(ids[0]).progress == (3, 192)
    assert store.entry(ids[1]).progress is None
    store.finish(first, results("scored"))
    entry = store.entry(ids[0])
    assert (entry.state, entry.progress) == ("pending", None)
    assert store.results(ids[0]) == results("scored")
    store.fail(second, ["kodim01: no picture", "kodim02: too large"])
    assert store.entry(ids[1]).state == "failed"
    assert store.entry(ids[1]).reason == "kodim01: no picture\nkodim02: too large"
    assert store.claim("c", 60) is None
    assert [(e.by, e.action) for e in store.history(ids[1])] == [
        ("submitter", "submit"),
        ("b", "fail"),
    ]
    assert store.revision() == 0


def test_a_silent_worker_loses_its_job(store, tmp_path, clock):
    send(store, tmp_path, b"zip", "recomputed")
    lost = store.claim("a", 60)
    clock.now += 59
    assert store.claim("b", 60) is None
    store.renew(lost, 1, 2)
    clock.now += 59
    assert store.claim("b", 60) is None  # the lease was renewed
    clock.now += 2
    job = store.claim("b", 60)
    assert (job.entry.id, job.attempt) == (lost.entry.id, 2)
    assert store.entry(job.entry.id).progress is None
    for late in (
        lambda: store.renew(lost, 2, 2),
        lambda: store.finish(lost, results()),
        lambda: store.fail(lost, ["?"]),
        lambda: store.release(lost),
    ):
        with pytest.raises(JobLost, match="no longer a's to score"):
            late()
    store.finish(job, results())
    assert store.entry(job.entry.id).state == "pending"
    with pytest.raises(JobLost):
        store.finish(job, results())


def test_a_job_that_kills_its_workers_is_given_up(store, tmp_path, clock):
    id = send(store, tmp_path, b"bomb", "recomputed").entry.id
    for attempt in range(1, ATTEMPTS + 1):
        job = store.claim("a", 60)
        assert (job.entry.id, job.attempt) == (id, attempt)
        clock.now += 61
    assert store.claim("a", 60) is None
    assert store.entry(id).state == "failed"
    assert "started 3 times and never ended" in store.entry(id).reason


def test_a_worker_that_has_to_stop_gives_its_job_back(store, tmp_path, clock):
    send(store, tmp_path, b"zip", "recomputed")
    for _ in range(ATTEMPTS + 2):  # a server that is restarted often loses no entry
        job = store.claim("a", 60)
        assert job.attempt == 1
        store.release(job)
    with pytest.raises(JobLost):
        store.renew(job, 1, 2)


def test_a_job_that_cannot_be_done_now_lets_others_go_first(store, tmp_path, clock):
    first, second = (send(store, tmp_path, bytes([n]), "recomputed").entry.id for n in range(2))
    store.release(store.claim("a", 60))
    job = store.claim("a", 60)
    assert job.entry.id == second
    clock.now += 61  # the worker died
    job = store.claim("a", 60)
    assert job.entry.id == first
    store.release(job, wait_s=300)
    store.finish(store.claim("a", 60), results())
    assert store.claim("a", 60) is None
    clock.now += 301
    assert store.claim("a", 60).entry.id == first


def test_a_withdrawn_entry_is_nobodys_job(store, tmp_path, clock):
    receipt = send(store, tmp_path, b"zip", "recomputed")
    job = store.claim("a", 60)
    store.withdraw(receipt.token)
    with pytest.raises(JobLost, match="withdrawn or decided"):
        store.renew(job, 1, 2)
    with pytest.raises(JobLost):
        store.finish(job, results())
    assert store.lookup(receipt.token).state == "withdrawn"


def test_leases_by_the_databases_own_clock(store, tmp_path):
    send(store, tmp_path, b"zip", "recomputed")
    assert store.claim("a", 1e-3) is not None
    while (job := store.claim("b", 3600)) is None:  # a lease of a millisecond does end
        pass
    assert job.attempt == 2
    assert store.claim("c", 3600) is None
