"""Many at once on one board: no waiting for readers, nothing stored twice, no job shared."""

from __future__ import annotations

import os
import threading
from itertools import pairwise

from leaderboard.store.database import Duplicate, Rates, StoreError, TooMany, open_store
from tests.support.store_children import Children
from tests.support.store_samples import approved, inspected, results, send, write_upload


def together(*functions) -> list:
    """What functions give, or raise as a StoreError, when they are called at the same time."""
    outcomes: list = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def call(index):
        start.wait()
        try:
            outcomes[index] = functions[index]()
        except StoreError as error:
            outcomes[index] = error

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_readers_do_not_wait_for_a_writer(store, tmp_path):
    """A submission that has written everything but the end of its file."""
    entry = send(store, tmp_path, b"first").entry
    store.approve(entry.id, "me")
    content = b"slow" * 500_000
    _, digest = write_upload(tmp_path, content)
    pipe = tmp_path / "pipe.zip"
    os.mkfifo(pipe)
    receipts = []

    def submit():
        receipts.append(store.add(inspected(digest, "recomputed"), pipe, submitter="slow"))

    writer = threading.Thread(target=submit)
    writer.start()
    with pipe.open("wb") as file:
        file.write(content[:-1])  # the writer has its transaction open now, and waits
        file.flush()
        assert store.revision() == 1
        assert [found.id for found, _ in approved(store)] == [entry.id]
        assert store.entries(["scoring"]) == []
        assert store.results(entry.id) == results()
        with store.upload(entry.id) as path:
            assert path.read_bytes() == b"first"
        assert receipts == []
        file.write(content[-1:])
    writer.join()
    with store.upload(receipts[0].entry.id) as path:
        assert path.read_bytes() == content


def test_a_writer_does_not_wait_for_readers(store, tmp_path):
    entry = send(store, tmp_path, b"first").entry
    with store.upload(entry.id) as path:
        store.approve(entry.id, "me")
        assert send(store, tmp_path, b"second").entry.state == "pending"
        assert path.read_bytes() == b"first"


def test_many_submit_at_once(board_url, tmp_path):
    stores = [open_store(board_url) for _ in range(6)]
    outcomes = together(
        *(
            lambda n=n, store=store: send(store, tmp_path, bytes([n]), submitter=f"s{n}")
            for n, store in enumerate(stores)
        )
    )
    ids = [receipt.entry.id for receipt in outcomes]
    assert sorted(ids) == [1, 2, 3, 4, 5, 6]
    for n, receipt in enumerate(outcomes):
        with stores[0].upload(receipt.entry.id) as path:
            assert path.read_bytes() == bytes([n])
    for store in stores:
        store.close()


def test_the_same_file_from_many_at_once(board_url, tmp_path):
    stores = [open_store(board_url) for _ in range(4)]
    path, digest = write_upload(tmp_path, b"same")
    outcomes = together(
        *(
            lambda n=n, store=store: store.add(inspected(digest), path, submitter=f"s{n}")
            for n, store in enumerate(stores)
        )
    )
    assert sum(isinstance(each, Duplicate) for each in outcomes) == 3
    assert len(stores[0].entries(["pending"])) == 1
    for store in stores:
        store.close()


def test_limits_hold_for_many_at_once(board_url, tmp_path):
    stores = [open_store(board_url, rates=Rates(per_hour=2)) for _ in range(5)]
    outcomes = together(
        *(
            lambda n=n, store=store: send(store, tmp_path, bytes([n]))
            for n, store in enumerate(stores)
        )
    )
    assert sum(isinstance(each, TooMany) for each in outcomes) == 3
    assert len(stores[0].entries(["pending"])) == 2
    for store in stores:
        store.close()


def test_an_entry_is_decided_once(board_url, tmp_path):
    stores = [open_store(board_url) for _ in range(4)]
    receipt = send(stores[0], tmp_path)
    id = receipt.entry.id
    together(
        lambda: stores[0].approve(id, "a"),
        lambda: stores[1].reject(id, "b", "no"),
        lambda: stores[2].withdraw(receipt.token),
        lambda: stores[3].withdraw_by_maintainer(id, "c", "no"),
    )
    events = stores[0].history(id)
    for before, after in pairwise(events):
        assert before.after == after.before  # as if one had come after the other
    assert events[-1].after == stores[0].entry(id).state
    decided = [event.after for event in events]
    assert decided.count("approved") <= 1
    assert decided.count("withdrawn") <= 1
    for store in stores:
        store.close()


def test_two_processes_never_claim_the_same_job(store, board_url, tmp_path):
    store._rates = Rates(100, 100, 100, 100)
    ids = [send(store, tmp_path, bytes([n]), "recomputed").entry.id for n in range(12)]
    children = Children()
    claimed = children.ask("claim", board_url, 2)
    children.close()
    assert sorted(claimed[0] + claimed[1]) == ids
    assert store.claim("c", 60) is None
