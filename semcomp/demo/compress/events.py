"""What happens in the first tab: quick answers from kept work, then the exact picture.

::

    change --> quick: preview, expected bytes     not queued, a fraction of a second
           \\-> run:   the file and its decoding   takes turns at the model, stops when outdated
                  \\-> expect: sizes of all levels, for the line beside the slider
                   \\-> fill, fill_george: other codecs at the file's bytes, where they are shown
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from semcomp.demo.sessions.runs import Choice, decode_steps
from semcomp.demo.sessions.visits import VISITS, Visit, identity
from semcomp.demo.shared import events, words, work
from semcomp.demo.shared.reports import reports
from semcomp.errors import ImageError

from . import restore_link, sides, warm
from .equal_bytes import Rival, SizeError, fit, offered, parse_size
from .expected import curves
from .shown import Shown, Sides

FRAME_SECONDS = 0.2
"""Shortest time between two partial pictures sent to the page."""

decode_on_gpu = events.on_gpu(decode_steps)


class CompressEvents:
    """The first tab's events.

    codecs: what else can be put beside ours, by name (`leaderboard.codecs.CODECS` in the app).
    """

    def __init__(self, codecs: Mapping[str, Rival]) -> None:
        self.codecs = codecs
        own = {key: sides.LABELS[key] for key in (sides.ORIGINAL, sides.OURS, sides.GEORGE)}
        self.shown = Shown(own | offered(codecs))

    def open(self, here: str, request: gr.Request) -> tuple[Any, ...]:
        """Settings of the link the page was opened with: picture, level, allocation, class, sides.

        What a link asks for and is not there is left at its default. A result that is kept is
        shown at once, without waiting for a turn: viewer and numbers.
        """
        asked = restore_link.read(request.query_params, self.shown.labels)
        kept = None if asked.focus else warm.kept(asked.name, asked.choice)
        return (
            gr.skip() if asked.name is None else work.samples()[asked.name],
            gr.skip() if asked.level is None else asked.level,
            gr.skip() if asked.allocation is None else asked.allocation,
            asked.focus,
            asked.pair,
            here,
            gr.skip() if kept is None else self.shown.exact(*kept, asked.pair),
            gr.skip() if kept is None else self.shown.numbers(*kept, asked.pair),
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
        pair = visit.beside(pair)
        with work.for_visitors():
            run = session.run(choice)
            if run is not None:
                visit.choice = choice
                return self.shown.exact(visit, run, pair), self.shown.numbers(visit, run, pair)
            picture = session.preview(choice)
            if picture is None:
                return gr.skip(), gr.skip()
            value = self.shown.on_the_way(
                visit, pair, picture, choice, words.PREVIEW, 0.0, "preview"
            )
            expected = session.expected_bytes(choice) if session.encoder.has_block_bits else None
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
                if session.run(Choice(level, allocation)) is None:
                    viewer = self.shown.on_the_way(visit, visit.beside(pair), note=words.LOOKING)
                    yield _outputs(viewer=viewer)
                names = [c.name for c in session.encoder.semantic_map().top]
                focus = asked if asked in names and asked != names[0] else None
            choice = Choice(level, allocation, focus)
            if session.run(choice) is None:
                for value in self._watch(visit, choice, pair, progress):
                    yield _outputs(viewer=value)
                    if visit.wanted != mine:
                        return
            run = session.finished(choice)
            visit.choice = choice
            pair = visit.beside(pair)
            yield _outputs(
                viewer=self.shown.exact(visit, run, pair),
                facts=self.shown.numbers(visit, run, pair),
                file=str(session.shelf.save(run.data, session.name)),
                png=str(session.shelf.put(("exact", choice), lambda: run.picture)),
                focus=events.choices(session.encoder.semantic_map(), focus) if fresh else gr.skip(),
                seen=_source(upload, side) if fresh else gr.skip(),
                link=restore_link.written(here, visit, pair),
                command=words.command(session.name, choice, session.encoder.semantic_map()),
            )

    def _watch(
        self, visit: Visit, choice: Choice, pair: Sides, progress: gr.Progress
    ) -> Iterator[dict[str, Any]]:
        """Do a run, giving the viewer's values on the way."""
        session = visit.session
        if choice.allocation == "rd" and not session.encoder.has_rd_table:
            for done, total in reports(session.measure):
                progress((done, total), desc="Measuring", unit="iterations")
                note = f"Measuring what each bit buys: {done} of {total}"
                pair = visit.beside(pair)
                yield self.shown.on_the_way(visit, pair, note=note, share=done / total)
        preview = session.preview(choice)
        if preview is None:
            pair = visit.beside(pair)
            yield self.shown.on_the_way(visit, pair, choice=choice, note="Packing the file")
        sent = 0.0
        for done, total, picture in session.decode(choice, decode_on_gpu):
            progress((done, total), desc="Decoding", unit="iterations")
            if done < total and time.monotonic() - sent < FRAME_SECONDS:
                continue
            sent = time.monotonic()
            pair = visit.beside(pair)
            note, share = f"Decoding: {done} of {total} iterations", done / total
            if preview is None:
                yield self.shown.on_the_way(visit, pair, picture, choice, note, share)
            else:  # it is nearer to the end than the first iterations are, so it stays
                note = f"Preview. {note}"
                yield self.shown.on_the_way(visit, pair, preview, choice, note, share, "preview")

    def choose(self, keys: str, here: str, request: gr.Request) -> tuple[Any, ...]:
        """Other pictures for left and right, keys "jpeg ours": sides, viewer, numbers, link."""
        left, _, right = str(keys).partition(" ")
        pair = left, right
        visit = VISITS.current(identity(request))
        if any(key not in self.shown.labels for key in pair) or left == right:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        if visit is not None:
            visit.pair = pair
        run = None if visit is None else visit.session.run(visit.choice)
        if visit is None or run is None:
            return pair, gr.skip(), gr.skip(), gr.skip()
        link = restore_link.written(here, visit, pair)
        viewer, facts = self.shown.exact(visit, run, pair), self.shown.numbers(visit, run, pair)
        if visit.pair != pair:  # the visitor has chosen again, and that answer may be there already
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return pair, viewer, facts, link

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
            if visit.choice != run.choice or visit.beside(pair) != pair:
                return  # the visitor has gone on
            yield self.shown.exact(visit, run, pair), self.shown.numbers(visit, run, pair)

    def expect(self, request: gr.Request) -> Any:
        """Expected bytes of every level, for the line beside the slider."""
        visit = VISITS.current(identity(request))
        if visit is None:
            return gr.skip()
        with work.for_visitors():
            return curves(visit.session, visit.choice.focus)

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
                raise SizeError("no picture yet: upload one or pick a sample")
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


def _outputs(**given: Any) -> tuple[Any, ...]:
    """`run`'s outputs with all left alone but those given."""
    names = ("viewer", "facts", "file", "png", "focus", "seen", "link", "command")
    return tuple(given.get(name, gr.skip()) for name in names)


def _source(upload: Any, side: float) -> tuple[str, int]:
    """What says whether an upload is the same picture as before."""
    return str(upload["path"]), int(side)
