"""What becomes of entries: who may do what when, what the public board sees, what is remembered."""

from __future__ import annotations

import pytest

from leaderboard.store.database import Duplicate, StoreError, WrongState
from leaderboard.store.models import STATES
from tests.support.store_samples import approved, bd_rate, results, send

NOTHING_CHANGED = "nothing was changed"


def actions(store, id: int) -> list[tuple[str, str, str | None, str, str]]:
    """The history without its times."""
    return [(e.by, e.action, e.before, e.after, e.reason) for e in store.history(id)]


def test_approve_and_withdraw(store, tmp_path):
    receipt = send(store, tmp_path)
    id = receipt.entry.id
    assert approved(store) == []
    assert store.revision() == 0
    store.approve(id, "maintainer")
    entry = store.entry(id)
    assert (entry.state, entry.decided_by, entry.reason) == ("approved", "maintainer", "")
    assert entry.decided_at >= entry.submitted_at
    assert approved(store) == [(entry, results())]
    assert approved(store, "other") == []
    assert store.revision() == 1
    assert store.withdraw(receipt.token).state == "withdrawn"
    assert store.withdraw(receipt.token).state == "withdrawn"
    assert approved(store) == []
    assert store.revision() == 2
    assert actions(store, id) == [
        ("submitter", "submit", None, "pending", ""),
        ("maintainer", "approve", "pending", "approved", ""),
        ("submitter", "withdraw", "approved", "withdrawn", "withdrawn by its submitter"),
    ]


def test_reject_with_a_reason_and_think_again(store, tmp_path):
    id = send(store, tmp_path).entry.id
    with pytest.raises(StoreError, match="a rejection needs a reason"):
        store.reject(id, "me", " \n")
    store.reject(id, "me", " these are the originals\n")
    assert store.entry(id).reason == "these are the originals"
    assert store.revision() == 0  # the public board never showed it
    store.approve(id, "another")
    assert store.entry(id).state == "approved"
    assert store.entry(id).reason == ""
    assert [event.reason for event in store.history(id)] == ["", "these are the originals", ""]


def test_no_second_thoughts_about_a_file_that_came_again(store, tmp_path):
    first = send(store, tmp_path, b"same").entry.id
    store.reject(first, "me", "no")
    second = send(store, tmp_path, b"same").entry.id
    with pytest.raises(Duplicate, match=f"entry {second} is the very same file"):
        store.approve(first, "me")
    store.approve(second, "me")
    assert [entry.id for entry, _ in approved(store)] == [second]


def test_withdrawn_by_a_maintainer(store, tmp_path):
    id = send(store, tmp_path).entry.id
    store.approve(id, "me")
    with pytest.raises(StoreError, match="a withdrawal needs a reason"):
        store.withdraw_by_maintainer(id, "me", "")
    store.withdraw_by_maintainer(id, "me", "bug in the decoder")
    assert (store.entry(id).state, store.entry(id).reason) == ("withdrawn", "bug in the decoder")


def test_superseded_by_another_approved_entry(store, tmp_path):
    old, new, other = (
        send(store, tmp_path, name.encode(), dataset=dataset).entry.id
        for name, dataset in (("old", "kodak"), ("new", "kodak"), ("other", "clic"))
    )
    store.approve(old, "me")
    with pytest.raises(WrongState, match=f"entry {new} is pending: approve it before"):
        store.supersede(old, "me", new)
    with pytest.raises(WrongState, match="cannot take its own place"):
        store.supersede(old, "me", old)
    store.approve(other, "me")
    with pytest.raises(WrongState, match=r"of clic, entry .* of kodak"):
        store.supersede(old, "me", other)
    store.approve(new, "me")
    revision = store.revision()
    store.supersede(old, "me", new)
    assert store.revision() == revision + 1
    assert (store.entry(old).state, store.entry(old).superseded_by) == ("superseded", new)
    with pytest.raises(WrongState, match=NOTHING_CHANGED):
        store.supersede(old, "me", new)
    with pytest.raises(WrongState, match=f"entry {old} is superseded: approve it before"):
        store.supersede(new, "me", old)  # no circles


ALLOWED = {
    "approve": {"pending", "rejected"},
    "reject": {"pending", "scoring"},
    "withdraw_by_maintainer": {"pending", "scoring", "approved"},
    "withdraw": {"pending", "scoring", "approved", "withdrawn"},
}


def bring(store, folder, state: str, content: bytes):
    """An entry in a state, the way entries get there; returns its receipt."""
    kind = "recomputed" if state in ("scoring", "failed") else "self-reported"
    receipt = send(store, folder, content, kind)
    id = receipt.entry.id
    if state == "failed":
        store.fail(store.claim("worker", 60), ["kodim01: no picture"])
    elif state == "rejected":
        store.reject(id, "me", "no")
    elif state == "withdrawn":
        store.withdraw(receipt.token)
    elif state in ("approved", "superseded"):
        store.approve(id, "me")
    if state == "superseded":
        newer = send(store, folder, content + b" newer").entry.id
        store.approve(newer, "me")
        store.supersede(id, "me", newer)
    assert store.entry(id).state == state
    return receipt


@pytest.mark.parametrize("state", STATES)
def test_only_the_steps_that_make_sense(store, tmp_path, state):
    for action, states in ALLOWED.items():
        receipt = bring(store, tmp_path, state, f"{state} {action}".encode())
        id, before = receipt.entry.id, store.history(receipt.entry.id)
        step = {
            "approve": lambda id=id: store.approve(id, "me"),
            "reject": lambda id=id: store.reject(id, "me", "because"),
            "withdraw_by_maintainer": lambda id=id: store.withdraw_by_maintainer(id, "me", "oh"),
            "withdraw": lambda receipt=receipt: store.withdraw(receipt.token),
        }[action]
        if state in states:
            step()
            if state == "scoring":
                job = store.claim("worker", 60)  # nobody scores it any more
                assert job is None or job.entry.id != id
        else:
            with pytest.raises(
                WrongState, match=rf"is {state}: only an entry that is .*{NOTHING_CHANGED}"
            ):
                step()
            assert store.history(id) == before
            assert store.entry(id).state == state


def test_an_undecided_entry_is_replaced_at_once(store, tmp_path):
    first = send(store, tmp_path, b"1", "recomputed")
    second = send(store, tmp_path, b"2", replaces=first.token)
    assert store.lookup(first.token).state == "superseded"
    assert store.lookup(first.token).superseded_by == second.entry.id
    assert second.entry.replaces == first.entry.id
    assert store.claim("worker", 60) is None
    with pytest.raises(WrongState, match="use the receipt of the newer one"):
        send(store, tmp_path, b"3", replaces=first.token)
    # The same file again, with the authors' names spelt right.
    third = send(store, tmp_path, b"2", replaces=second.token, authors="É. Author")
    assert [entry.id for entry in store.entries(["pending"])] == [third.entry.id]
    assert actions(store, second.entry.id)[-1] == (
        *("submitter", "replace", "pending", "superseded"),
        "replaced by its submitter",
    )


def test_an_approved_entry_stays_until_its_replacement_is_approved(store, tmp_path):
    first = send(store, tmp_path, b"same", authors="A")
    old = first.entry.id
    store.approve(old, "me")
    again = send(store, tmp_path, b"same", replaces=first.token, authors="B").entry.id
    with pytest.raises(Duplicate):
        send(store, tmp_path, b"same", submitter="somebody else")
    final = send(store, tmp_path, b"same", replaces=first.token, authors="C").entry.id
    assert store.entry(again).state == "superseded"
    assert [entry.method.authors for entry, _ in approved(store)] == ["A"]
    store.approve(final, "me")
    assert [entry.method.authors for entry, _ in approved(store)] == ["C"]
    assert (store.entry(old).state, store.entry(old).superseded_by) == ("superseded", final)
    with pytest.raises(Duplicate):
        send(store, tmp_path, b"same", submitter="somebody else")


def test_a_rejected_replacement_leaves_the_board_as_it_was(store, tmp_path):
    first = send(store, tmp_path, b"1")
    store.approve(first.entry.id, "me")
    second = send(store, tmp_path, b"2", replaces=first.token)
    store.reject(second.entry.id, "me", "worse")
    assert [entry.id for entry, _ in approved(store)] == [first.entry.id]


def test_bd_rates_of_the_public_board(store, tmp_path):
    ids = [send(store, tmp_path, bytes([n])).entry.id for n in range(2)]
    rates = {id: bd_rate(10.0 * id) for id in ids}
    store.put_bd_rates({ids[0]: [rates[ids[0]]]})
    assert store.bd_rates("kodak", "bpg", "psnr", "basis") == {}
    for id in ids:
        store.approve(id, "me")
    assert store.bd_rates("kodak", "bpg", "psnr", "basis") == {ids[0]: rates[ids[0]]}
    assert store.without_bd_rates("kodak", 1, ["basis"]) == [ids[1]]
    store.put_bd_rates({id: [rates[id]] for id in ids})
    assert store.bd_rates("kodak", "bpg", "psnr", "basis") == rates
    assert store.without_bd_rates("kodak", 1, ["basis"]) == []
    for other in (("other", "bpg", "psnr", "basis"), ("kodak", "jpeg", "psnr", "basis")):
        assert store.bd_rates(*other) == {}
    # The anchor's results have changed: what is stored is stale.
    assert store.bd_rates("kodak", "bpg", "psnr", "new") == {}
    assert store.without_bd_rates("kodak", 1, ["new"]) == ids
    store.put_bd_rates({ids[0]: [bd_rate(-7.25, "new")]})
    assert store.bd_rates("kodak", "bpg", "psnr", "new") == {ids[0]: bd_rate(-7.25, "new")}
    assert store.bd_rates("kodak", "bpg", "psnr", "basis") == {ids[1]: rates[ids[1]]}
