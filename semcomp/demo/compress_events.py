"""What happens in the first tab: quick answers from kept work, then the exact picture.

::

    change --> quick: preview, expected bytes     not queued, a fraction of a second
           \\-> run:   the file and its decoding   takes turns at the model, stops when outdated
                  \\-> expect: sizes of all levels, for the line beside the slider
                   \\-> fill, fill_george: other codecs at the file's bytes, where they are shown
"""

import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import gradio as gr

from semcomp.demo import events, sides, viewer, words, work
from semcomp.demo.decoding import decode_steps
from semcomp.demo.rivals import Rival, offered
from semcomp.demo.session import ALLOCATIONS, Choice, Run, Session, sizes
from semcomp.demo.target import LEAST, MOST, TargetError, fit, parse_size
from semcomp.demo.visits import VISITS, Visit, identity
from semcomp.files import write_file
from semcomp.image import ImageError
from semcomp.weights import resolve_device

CURVE = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
"""Levels whose expected bytes the page is told; it interpolates between them."""
FRAME_SECONDS = 0.2
"""Shortest time between two partial pictures sent to the page."""

decode_on_gpu = events.on_gpu(decode_steps)
Sides = tuple[str, str]


class CompressEvents:
    """The first tab's events.

    codecs: what else can be put beside ours, by name (`leaderboard.codecs.CODECS` in the app).
    """

    def __init__(self, codecs: Mapping[str, Rival]) -> None:
        self.codecs = codecs
        shown = {k: sides.LABELS[k] for k in (sides.ORIGINAL, sides.OURS, sides.GEORGE)}
        self.labels = shown | offered(codecs)
        self.options = list(self.labels.items())

    def open(self, here: str, request: gr.Request) -> tuple[Any, ...]:
        """Settings of the link the page was opened with: picture, level, allocation, class, sides.

        What a link asks for and is not there is left at its default.
        """
        asked = dict(request.query_params)
        picture = work.samples().get(asked.get("picture", ""))
        level = _number(asked.get("level"))
        allocation = asked.get("allocation")
        pair = asked.get("left", sides.FIRST[0]), asked.get("right", sides.FIRST[1])
        fine = all(key in self.labels for key in pair) and pair[0] != pair[1]
        return (
            gr.skip() if picture is None else picture,
            gr.skip() if level is None else level,
            allocation if allocation in ALLOCATIONS else gr.skip(),
            asked.get("class") or None,
            pair if fine else sides.FIRST,
            here,
        )

    def quick(
        self,
        upload: Any,
        level: float,
        allocation: str,
        focus: str | None,
        seen: Any,
        side: int,
        pair: Sides,
        request: gr.Request,
    ) -> Any:
        """Viewer and numbers at once: a kept result, or a preview with the expected bytes."""
        visit = VISITS.current(identity(request))
        if not upload or visit is None or visit.source != _source(upload, side):
            return gr.skip(), gr.skip()
        session = visit.session
        choice = Choice(level, allocation, focus if seen == _source(upload, side) else None)
        visit.wanted += 1
        with work.for_visitors():
            run = session.run(choice)
            if run is not None:
                visit.choice = choice
                return self._exact(visit, run, pair), self._numbers(visit, run, pair)
            picture = session.preview(choice)
            if picture is None:
                return gr.skip(), gr.skip()
            value = self._on_the_way(visit, pair, picture, choice, words.PREVIEW, 0.0, "preview")
            expected = session.expected_bytes(choice) if session.knows_cost else None
        return value, words.preview_html(expected, session.picture.shape[:2])

    def run(
        self,
        upload: Any,
        level: float,
        allocation: str,
        focus: str | None,
        seen: Any,
        side: int,
        pair: Sides,
        asked: str | None,
        here: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
    ) -> Iterator[Any]:
        """Compress the picture on the page and show everything about it.

        seen: the picture whose classes were offered; the class chosen means nothing for another.
        asked: the class of the link the page was opened with.
        """
        if not upload:
            yield _outputs()
            return
        with work.for_visitors():
            fresh = seen != _source(upload, side)
            visit = self._visit(upload, side, request)
            session = visit.session
            visit.wanted += 1
            mine = visit.wanted
            if fresh:
                yield _outputs(viewer=self._on_the_way(visit, pair, note=words.LOOKING))
                names = [c.name for c in session.semantic_map.top]
                focus = asked if asked in names and asked != names[0] else None
            choice = Choice(level, allocation, focus)
            if session.run(choice) is None:
                for value in self._watch(visit, choice, pair, progress):
                    yield _outputs(viewer=value)
                    if visit.wanted != mine:
                        return
            run = session.finished(choice)
            visit.choice = choice
            yield _outputs(
                viewer=self._exact(visit, run, pair),
                facts=self._numbers(visit, run, pair),
                file=_file(session, run),
                png=str(session.shelf.put(("exact", choice), lambda: run.picture)),
                focus=events.choices(session.semantic_map, focus) if fresh else gr.skip(),
                seen=_source(upload, side) if fresh else gr.skip(),
                link=words.link(here, self._settings(visit, pair)),
                command=words.command(session.name, choice, session.semantic_map),
            )

    def _watch(
        self, visit: Visit, choice: Choice, pair: Sides, progress: gr.Progress
    ) -> Iterator[dict[str, Any]]:
        """Do a run, giving the viewer's values on the way."""
        session = visit.session
        if choice.allocation == "rd" and not session.has_tables:
            for done, total in _reports(session.measured):
                progress((done, total), desc="Measuring", unit="iterations")
                note = f"Measuring what each bit buys: {done} of {total}"
                yield self._on_the_way(visit, pair, note=note, share=done / total)
        preview = session.preview(choice)
        if preview is None:
            yield self._on_the_way(visit, pair, choice=choice, note="Packing the file")
        sent = 0.0
        for done, total, picture in session.decode(choice, decode_on_gpu):
            progress((done, total), desc="Decoding", unit="iterations")
            if done < total and time.monotonic() - sent < FRAME_SECONDS:
                continue
            sent = time.monotonic()
            note, share = f"Decoding: {done} of {total} iterations", done / total
            if preview is None:
                yield self._on_the_way(visit, pair, picture, choice, note, share)
            else:  # it is nearer to the end than the first iterations are, so it stays
                note = f"Preview. {note}"
                yield self._on_the_way(visit, pair, preview, choice, note, share, "preview")

    def choose(self, here: str, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """Other pictures for left and right: sides, viewer, numbers, link."""
        pair = event.left, event.right
        visit = VISITS.current(identity(request))
        if any(key not in self.labels for key in pair) or pair[0] == pair[1]:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        run = None if visit is None else visit.session.run(visit.choice)
        if visit is None or run is None:
            return pair, gr.skip(), gr.skip(), gr.skip()
        link = words.link(here, self._settings(visit, pair))
        return pair, self._exact(visit, run, pair), self._numbers(visit, run, pair), link

    def fill(self, pair: Sides, request: gr.Request) -> Iterator[Any]:
        """Find the other codecs' files for the sides that wait for them.

        Gives viewer, numbers, and what George is wanted for: a new value starts `fill_george`, so
        that nobody queues for the model without need.
        """
        visit = VISITS.current(identity(request))
        run = None if visit is None else visit.session.run(visit.choice)
        wanted = gr.skip()
        found = visit and run and sides.known(visit.session, sides.GEORGE, run)
        if visit and run and sides.GEORGE in pair and found is None:
            wanted = (visit.session.shelf.folder.name, *run.choice, *pair)
        yield gr.skip(), gr.skip(), wanted
        for shown in self._fill([key for key in pair if key in self.codecs], pair, request):
            yield *shown, gr.skip()

    def fill_george(self, pair: Sides, request: gr.Request) -> Iterator[Any]:
        """As `fill` for the uniform allocation, which needs the model: viewer, numbers."""
        yield from self._fill([key for key in pair if key == sides.GEORGE], pair, request)

    def _fill(self, keys: list[str], pair: Sides, request: gr.Request) -> Iterator[Any]:
        yield gr.skip(), gr.skip()
        visit = VISITS.current(identity(request))
        run = None if visit is None else visit.session.run(visit.choice)
        if visit is None or run is None:
            return
        for key in keys:
            with work.for_visitors():
                visit.shown[key] = sides.made(visit.session, key, run, self.codecs)
            if visit.choice != run.choice:
                return
            yield self._exact(visit, run, pair), self._numbers(visit, run, pair)

    def expect(self, request: gr.Request) -> Any:
        """Expected bytes of every level, for the line beside the slider."""
        visit = VISITS.current(identity(request))
        if visit is None:
            return gr.skip()
        session, focus = visit.session, visit.choice.focus
        with work.for_visitors():
            curve = {
                name: [[at, session.expected_bytes(Choice(at, name, focus))] for at in CURVE]
                for name in ("uniform", "proportional")
            }
        height, width = session.picture.shape[:2]
        return {"pixels": height * width, "curves": {**curve, "rd": curve["uniform"]}}

    def aim(
        self,
        upload: Any,
        budget: str,
        level: float,
        allocation: str,
        focus: str | None,
        seen: Any,
        side: int,
        request: gr.Request,
    ) -> Any:
        """The highest level whose file has at most `budget` bytes."""
        with work.for_visitors():
            if not upload:
                raise TargetError("no picture yet: upload one or pick a sample")
            most = parse_size(budget)
            visit = self._visit(upload, side, request)
            known = focus if seen == _source(upload, side) else None
            return fit(visit.session, Choice(level, allocation, known), most).level

    def clear(self, upload: Any) -> Any:
        """After a failure: no picture if its file cannot be read, else as it was."""
        try:
            work.read_picture(upload)
        except ImageError:
            return None
        return gr.skip()

    def leave(self, request: gr.Request) -> None:
        """The visitor closed the page: what was kept for them goes."""
        VISITS.leave(identity(request))

    def _visit(self, upload: Any, side: int, request: gr.Request) -> Visit:
        """The visit with this upload's session, read now unless it is the one at hand."""
        who = identity(request)
        visit = VISITS.current(who)
        if visit is not None and visit.source == _source(upload, side):
            return visit
        picture, notes = work.read_picture(upload, side)
        sample = work.sample_name(picture)
        name = sample or Path(upload.get("orig_name") or "picture").stem
        session = VISITS.get(who, picture, name, shared=sample is not None)
        visit = VISITS.visit(who, session)
        visit.source, visit.notes = _source(upload, side), notes
        visit.shown.clear()
        return visit

    def _exact(self, visit: Visit, run: Run, pair: Sides) -> dict[str, Any]:
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
            seen=session.map_of(run.choice.focus),
            levels=run.plan.levels,
        )

    def _on_the_way(
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
        seen = None if choice is None else session.map_of(choice.focus)
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

    def _numbers(self, visit: Visit, run: Run, pair: Sides) -> str:
        """The numbers of the sides shown; ours alone if nothing else has any."""
        session = visit.session
        found = [side for key in pair if (side := sides.known(session, key, run)) is not None]
        scored = [side for side in found if side.facts is not None]
        notes = [side.problem for side in found if side.problem] + visit.notes
        if len(scored) == 2:
            return words.versus_html(
                [(self.labels[side.key], side.setting, side.facts or {}) for side in scored], notes
            )
        side = scored[0] if scored else sides.of_run(session, run)
        lines = [f"{self.labels[side.key]}, {side.setting}, {run.choice.allocation}."]
        height, width = session.picture.shape[:2]
        if side.key == sides.OURS:
            model = session.model
            where = "GPU" if resolve_device(None).type == "cuda" else "CPU"
            lines = [
                f"{width} × {height} pixels, {words.itemised(len(run.data), sizes(run.data))}.",
                f"Model {model.name} ({model.digest[:8]}) on the {where}.",
            ]
        elif side.facts:
            lines = [f"{self.labels[side.key]}, {side.setting}: {side.facts['bytes']:,} bytes."]
        return words.side_html(side.facts or {}, lines + notes)

    def _settings(self, visit: Visit, pair: Sides) -> dict[str, str]:
        """The query of a link to what is shown; an upload itself is never part of it."""
        choice, session = visit.choice, visit.session
        asked = {"level": f"{choice.level:g}", "allocation": choice.allocation}
        if work.sample_name(session.picture) is not None:
            asked = {"picture": session.name, **asked}
        if choice.focus is not None:
            asked["class"] = choice.focus
        return {**asked, "left": pair[0], "right": pair[1]}


def _outputs(**given: Any) -> tuple[Any, ...]:
    """`run`'s outputs with all left alone but those given."""
    names = ("viewer", "facts", "file", "png", "focus", "seen", "link", "command")
    return tuple(given.get(name, gr.skip()) for name in names)


def _source(upload: Any, side: float) -> tuple[str, int]:
    """What says whether an upload is the same picture as before."""
    return str(upload["path"]), int(side)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if LEAST <= value <= MOST else None


def _file(session: Session, run: Run) -> str:
    """The `.semc` file under the picture's name, beside the session's pictures."""
    folder = session.shelf.folder / sha256(run.data).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{session.name}.semc"
    write_file(path, run.data)
    return str(path)


def _reports(work_on: Callable[[Callable[[int, int], None]], Any]) -> Iterator[tuple[int, int]]:
    """Run a function in a thread, giving the (done, total) it reports; its error is raised."""
    queue: SimpleQueue[Any] = SimpleQueue()

    def work_and_tell() -> None:
        try:
            work_on(lambda done, total: queue.put((done, total)))
            queue.put(None)
        except Exception as error:  # handed to the caller below
            queue.put(error)

    Thread(target=work_and_tell, daemon=True).start()
    while (report := queue.get()) is not None:
        if isinstance(report, Exception):
            raise report
        yield report
