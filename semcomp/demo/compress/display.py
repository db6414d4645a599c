"""What the first tab says of a visit at every stage: the viewer's value and the numbers."""

from typing import Any, cast

from semcomp.allocation.planning import Allocation, gain_note
from semcomp.demo.sessions.runs import PEOPLE, Choice, Run
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import Visit
from semcomp.demo.shared import words, work
from semcomp.pipeline import info
from semcomp.weights import resolve_device

from . import sides, viewer
from .sides import FIRST, LABELS, OURS, Pair, Side

OPTIONS = list(LABELS.items())
"""What the viewer offers for left and right."""


def nothing(text: str) -> dict[str, Any]:
    """The viewer without a picture. text: why."""
    return viewer.empty_value((2, 3), OPTIONS, FIRST, text)


def exact(visit: Visit, run: Run, pair: Pair) -> dict[str, Any]:
    """The viewer with a finished run."""
    session = visit.session
    closed = session.encoder.model.codec.closed_loop  # no bits of other levels are known there
    pictures = []
    for key in pair:
        side = sides.ready_side(session, key, run)
        if side is None:
            text = f"Looking for {LABELS[key]} in at most {len(run.data):,} bytes"
            pictures.append(viewer.waiting_side(key, LABELS[key], text))
            continue
        name = run.choice if key == OURS else (key, len(run.data))
        file_key = sides.ORIGINAL if key == sides.ORIGINAL else ("exact", name)
        tag = _tag(side, len(run.data))
        pictures.append(viewer.picture_side(session, side, LABELS[key], file_key, tag))
    return viewer.value_of(
        session,
        pictures,
        OPTIONS,
        "exact",
        semantic_map=session.semantic_map(run.choice),
        levels=run.plan.levels,
        hint=_hint(session, run.choice),
        spent=None if closed else session.spent(run.plan.levels),
    )


def on_the_way(
    visit: Visit,
    pair: Pair,
    picture: work.Picture | None = None,
    choice: Choice | None = None,
    note: str = "",
    share: float = 0.0,
    phase: str = "running",
) -> dict[str, Any]:
    """The viewer before the exact result: the picture so far or its preview, if there is one.

    choice: whose map is drawn, and its levels if they are known; None while there is none.
    """
    session = visit.session
    pictures = [_latest(visit, key) for key in pair]
    if picture is not None and OURS in pair:
        pictures[pair.index(OURS)] = viewer.passing_side(picture, LABELS[OURS], phase)
    if choice is None:
        return viewer.value_of(session, pictures, OPTIONS, phase, note, share)
    planned = choice.allocation != "rd" or session.encoder.has_rd_table
    levels = session.plan(choice).levels if planned else None
    known = levels is not None and session.encoder.has_block_bits
    return viewer.value_of(
        session,
        pictures,
        OPTIONS,
        phase,
        note,
        share,
        session.semantic_map(choice),
        levels,
        _hint(session, choice),
        session.spent(levels) if levels is not None and known else None,
    )


def _latest(visit: Visit, key: str) -> dict[str, Any]:
    """A side as it was last drawn for this picture."""
    session, label = visit.session, LABELS[key]
    run = session.run(visit.choice)
    if key == sides.ORIGINAL:
        return viewer.picture_side(session, Side(key, session.picture), label, key)
    if key == OURS and run is not None:
        side = sides.our_side(session, run)
        return viewer.picture_side(session, side, label, ("exact", run.choice))
    latest = visit.shown.get(key)
    if latest is not None and run is not None and latest.facts is not None:
        file_key = "shown", id(latest)
        tag = _tag(latest, len(run.data))
        return viewer.picture_side(session, latest, label, file_key, tag)
    return viewer.waiting_side(key, label, "")


def _tag(side: Side, ours: int) -> str:
    """A side's name, size, and how that differs from ours in bytes."""
    label = LABELS[side.key]
    if not side.facts:
        return label
    against = words.against(side.facts["bytes"], ours)
    return f"{label} · {words.file_size(side.facts['bytes'])}{against and f', {against}'}"


def numbers(visit: Visit, run: Run, pair: Pair) -> str:
    """The numbers of both sides; ours alone if nothing else has any."""
    session = visit.session
    present = [side for key in pair if (side := sides.ready_side(session, key, run)) is not None]
    scored = [side for side in present if side.facts is not None]
    notes = [side.problem for side in present if side.problem] + visit.notes
    if len(scored) == 2:
        classes = [side.survival for side in scored if side.survival is not None]
        return words.versus_html(
            [(LABELS[side.key], side.setting, side.facts or {}) for side in scored],
            notes,
            [sides.survival_row((classes[0], classes[1]))] if len(classes) == 2 else [],
        )
    side = scored[0] if scored else sides.our_side(session, run)
    facts = side.facts or {}
    if side.key == OURS:
        height, width = session.picture.shape[:2]
        model = session.encoder.model
        sizes = info(run.data)["sizes"]
        where = "GPU" if resolve_device(None).type == "cuda" else "CPU"
        lines = [
            f"{width} × {height} pixels, {words.itemised(len(run.data), sizes)}.",
            f"Model {model.name} ({model.digest[:8]}) on the {where}.",
        ]
    else:
        lines = [f"{LABELS[side.key]}, {side.setting}: {facts['bytes']:,} bytes."]
    still = [] if side.survival is None else [side.survival.sentence()]
    return words.side_html(facts, [*still, *lines, *notes])


def _hint(session: Session, choice: Choice) -> str:
    """What is to be said of a choice's map before it is compressed; empty for nothing."""
    if choice.focus == PEOPLE and session.no_detector:
        return f"This is the classifier's map: {session.no_detector}."
    note = gain_note(session.semantic_map(choice).grey, cast(Allocation, choice.allocation))
    return "" if note is None else f"{note}."
