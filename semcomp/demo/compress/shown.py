"""What the first tab shows of a visit: the viewer's value and the numbers, at every stage."""

from collections.abc import Mapping
from typing import Any

from semcomp.demo.sessions.runs import Choice, Run
from semcomp.demo.sessions.visits import Visit
from semcomp.demo.shared import words, work
from semcomp.pipeline import info
from semcomp.weights import resolve_device

from . import sides, survival, viewer

Sides = tuple[str, str]
"""Keys of what stands left and right, see `semcomp.demo.compress.sides`."""


class Shown:
    """The first tab's drawings and numbers of any visit."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """labels: names for people of what can be put left and right, by key."""
        self.labels = labels
        self.options = list(labels.items())

    def exact(self, visit: Visit, run: Run, pair: Sides) -> dict[str, Any]:
        """The viewer with a finished run."""
        session = visit.session
        pictures = []
        for key in pair:
            side = sides.known(session, key, run)
            if side is None:
                text = f"Looking for {self.labels[key]} in at most {len(run.data):,} bytes"
                pictures.append(viewer.waiting_side(key, self.labels[key], text))
                continue
            name = run.choice if key == sides.OURS else (key, len(run.data))
            tag = self.labels[key]
            if side.facts is not None:
                tag = f"{tag} · {words.file_size(side.facts['bytes'])}"
            shelf_key = sides.ORIGINAL if key == sides.ORIGINAL else ("exact", name)
            pictures.append(viewer.shown_side(session, side, self.labels[key], shelf_key, tag))
        return viewer.value_of(
            session,
            pictures,
            self.options,
            "exact",
            seen=session.encoder.semantic_map(run.choice.focus),
            levels=run.plan.levels,
        )

    def on_the_way(
        self,
        visit: Visit,
        pair: Sides,
        picture: work.Picture | None = None,
        choice: Choice | None = None,
        note: str = "",
        share: float = 0.0,
        phase: str = "running",
    ) -> dict[str, Any]:
        """The viewer before the exact result: the picture so far or its preview, if there is one.

        choice: whose map and levels are shown; None while they are not known.
        """
        session = visit.session
        pictures = [self._latest(visit, key) for key in pair]
        if picture is not None and sides.OURS in pair:
            pictures[pair.index(sides.OURS)] = viewer.passing_side(
                picture, self.labels[sides.OURS], phase
            )
        seen = None if choice is None else session.encoder.semantic_map(choice.focus)
        levels = None if choice is None else session.plan(choice).levels
        return viewer.value_of(session, pictures, self.options, phase, note, share, seen, levels)

    def _latest(self, visit: Visit, key: str) -> dict[str, Any]:
        """A side as it was last shown for this picture."""
        session, label = visit.session, self.labels[key]
        run = session.run(visit.choice)
        if key == sides.ORIGINAL:
            side = sides.Side(key, session.picture)
            return viewer.shown_side(session, side, label, sides.ORIGINAL)
        if key == sides.OURS and run is not None:
            return viewer.shown_side(session, sides.of_run(session, run), label,
                                     ("exact", run.choice))  # fmt: skip
        kept = visit.shown.get(key)
        if kept is not None and run is not None and kept.facts is not None:
            tag = f"{label} · {words.file_size(kept.facts['bytes'])}"
            return viewer.shown_side(session, kept, label, ("shown", id(kept)), tag)
        return viewer.waiting_side(key, label, "")

    def numbers(self, visit: Visit, run: Run, pair: Sides) -> str:
        """The numbers of the sides shown; ours alone if nothing else has any."""
        session = visit.session
        found = [side for key in pair if (side := sides.known(session, key, run)) is not None]
        scored = [side for side in found if side.facts is not None]
        notes = [side.problem for side in found if side.problem] + visit.notes
        if len(scored) == 2:
            classes = [side.survival for side in scored if side.survival is not None]
            return words.versus_html(
                [(self.labels[side.key], side.setting, side.facts or {}) for side in scored],
                notes,
                [survival.row((classes[0], classes[1]))] if len(classes) == 2 else [],
            )
        side = scored[0] if scored else sides.of_run(session, run)
        lines = [f"{self.labels[side.key]}, {side.setting}, {run.choice.allocation}."]
        height, width = session.picture.shape[:2]
        if side.key == sides.OURS:
            model = session.encoder.model
            sizes = info(run.data)["sizes"]
            where = "GPU" if resolve_device(None).type == "cuda" else "CPU"
            lines = [
                f"{width} × {height} pixels, {words.itemised(len(run.data), sizes)}.",
                f"Model {model.name} ({model.digest[:8]}) on the {where}.",
            ]
        elif side.facts:
            lines = [f"{self.labels[side.key]}, {side.setting}: {side.facts['bytes']:,} bytes."]
        seen = [] if side.survival is None else [side.survival.sentence()]
        return words.side_html(side.facts or {}, [*seen, *lines, *notes])
