"""What happens in the first tab: quick answers from kept work, then the exact picture.

::

    change --> quick: preview, expected bytes     not queued, a fraction of a second
           \\-> run:   the file and its decoding   takes turns at the model, stops when outdated
                  \\-> expect: sizes of all levels, for the line beside the slider
                   \\-> fill, fill_george: other codecs at the file's bytes, where they are shown
"""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from semcomp.demo.hosting.files import in_upload_folder
from semcomp.demo.sessions.runs import FIRST, PEOPLE, Choice, Run
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import VISITS, Visit, identity
from semcomp.demo.shared import words, work
from semcomp.demo.shared.components import class_choices, pick
from semcomp.demo.shared.events import decode_on_gpu, reports
from semcomp.errors import ImageError, SizeError
from semcomp.formats.registry import WRITERS, writer_for
from semcomp.search import parse_size

from . import display, opening, sides
from .equal_bytes import fit
from .expected import curves
from .opening import LinkSettings
from .sides import Pair

FRAME_SECONDS = 0.2
"""Shortest time between two partial pictures sent to the page."""
_OWN = (sides.ORIGINAL, sides.OURS, sides.GEORGE)


class Controls(NamedTuple):
    """What the page's controls hold.

    focus, without: what matters and what does not count, chosen for the picture `classes_of`; they
    mean nothing for another.
    """

    upload: Any
    level: float
    allocation: str
    focus: str | None
    strength: float
    without: str
    classes_of: Any
    area: int
    model: str

    @property
    def source(self) -> tuple[str, int, str]:
        """What says whether the session at hand is the one that is asked for."""
        return *self.picture, self.model

    @property
    def picture(self) -> tuple[str, int]:
        """What says whether an upload is the same picture as before."""
        return str(self.upload["path"]), int(self.area)

    @property
    def fresh(self) -> bool:
        """Whether what matters was chosen for another picture."""
        return bool(self.classes_of != self.picture)

    @property
    def choice(self) -> Choice:
        """The settings of a run."""
        if self.fresh:
            return Choice(self.level, self.allocation, PEOPLE, self.strength)
        left_out = tuple(sorted(self.without.splitlines())) if self.focus == PEOPLE else ()
        return Choice(self.level, self.allocation, self.focus, self.strength, left_out)


class CompressEvents:
    """The first tab's events."""

    def open(self, here: str, upload: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Settings of the link the page was opened with: picture, network, level, focus, the link
        itself, sides and so on.

        upload: path of the picture that was on the page before it was loaded again; it is there for
        a minute more. What a link asks for and is not there is left at its default. A
        result that is there is shown at once, without waiting for a turn.
        """
        link = opening.read_link(request.query_params, sides.LABELS, sides.FIRST)
        picture: Any = gr.skip() if link.name is None else work.samples()[link.name]
        result, viewer = None, gr.skip()
        if link.name is None and upload:
            VISITS.await_picture(identity(request))
            path = in_upload_folder(upload)
            picture = str(path) if path is not None and path.is_file() else None
            viewer = display.nothing(words.READING_PICTURE if picture else words.GONE)
        else:
            result = opening.cached_result(link)
        named = (link.model, link.level, link.allocation, link.strength)
        return (
            picture,
            *(gr.skip() if each is None else each for each in named),
            link if link.particular else None,
            link.pair,
            here,
            viewer if result is None else display.exact(*result, link.pair),
            gr.skip() if result is None else display.numbers(*result, link.pair),
            gr.skip() if link.area is None else link.area,
        )

    def begin(self, upload: Any, request: gr.Request) -> tuple[Any, ...]:
        """Another picture, or none: all that was said and offered of the former one goes at once.

        Gives the values of everything on the page that belongs to a picture, in `blank`'s order.
        """
        VISITS.await_picture(identity(request))
        return self.blank(words.READING_PICTURE if upload else words.NO_PICTURE)

    def renew(self, upload: Any, request: gr.Request) -> tuple[Any, ...]:
        """As `begin`, for another network on the same picture: its classes stay."""
        viewer, facts, file, png, *rest = self.begin(upload, request)
        return viewer, facts, file, png, *(gr.skip() for _ in range(3)), *rest[3:]

    def pick(self, row: gr.Gallery, request: gr.Request) -> tuple[Any, ...]:
        """The sample clicked last, and the former picture's results gone: picture, `blank`."""
        picture = pick(row)
        if isinstance(picture, dict):  # nothing to pick
            return picture, *(gr.skip() for _ in self.blank(""))
        VISITS.await_picture(identity(request))
        return picture, *self.blank(words.READING_PICTURE)

    def blank(self, text: str) -> tuple[Any, ...]:
        """`run`'s outputs, and the expected sizes, as they are without a result.

        text: what the viewer says instead.
        """
        return (
            display.nothing(text),
            "",
            None,
            None,
            gr.update(choices=[], value=None),
            "",
            None,
            gr.skip(),
            "",
            "",
            None,
            {"text": words.NOT_EXPECTED},
        )

    def quick(self, request: gr.Request, pair: Pair, *controls: Any) -> Any:
        """Viewer, numbers, files and card at once: a kept result, or a preview without files."""
        asked, visit = Controls(*controls), VISITS.current(identity(request))
        if not asked.upload or visit is None or visit.source != asked.source:
            return tuple(gr.skip() for _ in range(5))
        session, choice = visit.session, asked.choice
        visit.wanted += 1
        pair = visit.beside(pair)
        with work.for_visitors():
            run = session.run(choice)
            if run is not None:
                visit.choice = choice
                viewer = display.exact(visit, run, pair)
                return viewer, display.numbers(visit, run, pair), *_files(session, run), None
            picture = session.preview(choice)
            if picture is None:
                viewer = display.on_the_way(visit, pair)
                return viewer, words.preview_html(None, session.picture.shape[:2]), None, None, None
            value = display.on_the_way(visit, pair, picture, choice, words.PREVIEW, 0.0, "preview")
            expected = session.expected_bytes(choice) if session.encoder.has_block_bits else None
        numbers = words.preview_html(expected, session.picture.shape[:2])
        return value, numbers, None, None, None

    def run(
        self,
        request: gr.Request,
        pair: Pair,
        link: LinkSettings | None,
        here: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
        *controls: Any,
    ) -> Iterator[Any]:
        """Compress the picture on the page and show everything about it.

        link: what the page was opened with, as long as it says what matters. controls: `Controls`.
        """
        asked = Controls(*controls)
        if not asked.upload:
            yield _outputs()
            return
        with work.for_visitors():
            fresh, choice = asked.fresh, asked.choice
            visit = self._visit(asked, request)
            session = visit.session
            visit.wanted += 1
            mine = visit.wanted
            if fresh:
                if session.run(choice) is None:
                    viewer = display.on_the_way(visit, visit.beside(pair), note=words.LOOKING)
                    yield _outputs(viewer=viewer)
                choice = opening.as_linked(session, choice, link)
            if session.run(choice) is None:
                size = session.picture.shape[:2]
                yield _outputs(facts=words.preview_html(None, size), file=None, png=None, card=None)
                for value in self._watch(visit, choice, pair, progress):
                    yield _outputs(viewer=value)
                    if visit.wanted != mine:
                        return
            run = session.finished(choice)
            if visit.wanted != mine:
                return
            visit.choice = choice
            pair = visit.beside(pair)
            file, png = _files(session, run)
            values = _outputs(
                viewer=display.exact(visit, run, pair),
                facts=display.numbers(visit, run, pair),
                file=file,
                png=png,
                focus=_focus_choices(session, choice.focus) if fresh else gr.skip(),
                without="\n".join(choice.without) if fresh else gr.skip(),
                classes_of=asked.picture if fresh else gr.skip(),
                asked=None,
                link=opening.write_link(here, visit, pair),
                command=words.command(
                    session.name, choice, session.semantic_map(choice), session.model_name
                ),
            )
            if visit.wanted == mine:
                yield values

    def _watch(
        self, visit: Visit, choice: Choice, pair: Pair, progress: gr.Progress
    ) -> Iterator[dict[str, Any]]:
        """Do a run, giving the viewer's values on the way."""
        session = visit.session
        if choice.allocation == "rd" and not session.encoder.has_rd_table:
            for done, total in reports(session.measure):
                progress((done, total), desc="Measuring", unit="iterations")
                note = f"Measuring what each bit buys: {done} of {total}"
                pair = visit.beside(pair)
                yield display.on_the_way(visit, pair, None, choice, note, done / total)
        preview = session.preview(choice)
        if preview is None:
            pair = visit.beside(pair)
            note = words.LOOP if session.closed_loop else "Packing the file"
            yield display.on_the_way(visit, pair, choice=choice, note=note)
        sent = 0.0
        for done, total, picture in session.decode(choice, decode_on_gpu):
            progress((done, total), desc="Decoding", unit="iterations")
            if done < total and time.monotonic() - sent < FRAME_SECONDS:
                continue
            sent = time.monotonic()
            pair = visit.beside(pair)
            note, share = f"Decoding: {done} of {total} iterations", done / total
            if preview is None:
                yield display.on_the_way(visit, pair, picture, choice, note, share)
            else:  # it is nearer to the end than the first iterations are, so it stays
                note = f"Preview. {note}"
                yield display.on_the_way(visit, pair, preview, choice, note, share, "preview")

    def choose(self, keys: str, here: str, request: gr.Request) -> tuple[Any, ...]:
        """Other pictures for left and right, keys "jpeg ours": sides, viewer, numbers, link."""
        left, _, right = str(keys).partition(" ")
        pair = left, right
        visit = VISITS.current(identity(request))
        if any(key not in sides.LABELS for key in pair) or left == right:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        if visit is not None:
            visit.pair = pair
        run = None if visit is None else visit.session.run(visit.choice)
        if visit is None or run is None:
            return pair, gr.skip(), gr.skip(), gr.skip()
        link = opening.write_link(here, visit, pair)
        viewer, facts = display.exact(visit, run, pair), display.numbers(visit, run, pair)
        if visit.pair != pair:  # the visitor has chosen again, and that answer may be there already
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return pair, viewer, facts, link

    def choose_format(self, label: str, here: str, request: gr.Request) -> tuple[Any, ...]:
        """As `choose`: a format, by its name for people, without and with the map."""
        name = writer_for(label).name
        return self.choose(f"{name} {name}{sides.LED}", here, request)

    def ordinary(self, pair: Pair, request: gr.Request) -> Any:
        """The button with the file of the side that a map leads; without one there is no button."""
        result = _result(request)
        for key in reversed(pair):
            if result is None or not key.endswith(sides.LED):
                continue
            visit, run = result
            side = sides.ready_side(visit.session, key, run)
            if side is not None and side.data:
                suffix = WRITERS[key.removesuffix(sides.LED)].suffixes[0]
                file = visit.session.shelf.save(side.data, suffix)
                return gr.update(label=f"Download {suffix}", value=str(file), visible=True)
        return self.no_ordinary()

    def no_ordinary(self) -> Any:
        """The same button while there is no such file."""
        return gr.update(value=None, visible=False)

    def fill(self, pair: Pair, request: gr.Request) -> Iterator[Any]:
        """Find the other codecs' files for the sides that wait for them.

        Gives viewer, numbers, and what George is missing for: a new value starts `fill_george`, so
        that nobody queues for the model without need.
        """
        missing = gr.skip()
        result = _result(request)
        if result is not None and sides.GEORGE in pair:
            visit, run = result
            if sides.ready_side(visit.session, sides.GEORGE, run) is None:
                missing = (visit.session.shelf.folder.name, *run.choice, *pair)
        yield gr.skip(), gr.skip(), missing
        for viewer, facts in self._fill([key for key in pair if key not in _OWN], pair, request):
            yield viewer, facts, gr.skip()

    def fill_george(self, pair: Pair, request: gr.Request) -> Iterator[Any]:
        """As `fill` for the uniform allocation, which needs the model: viewer, numbers."""
        yield from self._fill([key for key in pair if key == sides.GEORGE], pair, request)

    def _fill(self, keys: list[str], pair: Pair, request: gr.Request) -> Iterator[Any]:
        yield gr.skip(), gr.skip()
        result = _result(request)
        if result is None:
            return
        visit, run = result
        for key in keys:
            with work.for_visitors():
                visit.shown[key] = sides.find_side(visit.session, key, run)
            viewer = display.exact(visit, run, pair)
            facts = display.numbers(visit, run, pair)
            gone_on = visit.choice != run.choice or visit.beside(pair) != pair
            if gone_on or VISITS.current(identity(request)) is not visit:
                return
            yield viewer, facts

    def expect(self, request: gr.Request) -> Any:
        """Expected bytes of every level, for the line beside the slider."""
        visit = VISITS.current(identity(request))
        if visit is None:
            return gr.skip()
        with work.for_visitors():
            made = curves(visit.session, visit.choice)
        return made if VISITS.current(identity(request)) is visit else gr.skip()

    def aim(self, request: gr.Request, budget: str, *controls: Any) -> Any:
        """The highest level whose file has at most `budget` bytes."""
        asked = Controls(*controls)
        with work.for_visitors():
            if not asked.upload:
                raise SizeError("no picture yet: upload one or pick a sample")
            most = parse_size(budget)
            return fit(self._visit(asked, request).session, asked.choice, most).level

    def clear(self, upload: Any, request: gr.Request) -> tuple[Any, ...]:
        """After a failure: picture and `blank`. A picture stays if its file can be read."""
        try:
            work.read_picture(upload)
        except ImageError:
            VISITS.await_picture(identity(request))
            return None, *self.blank(words.NO_PICTURE)
        return gr.skip(), *self.blank(words.NO_RESULT)

    def leave(self, request: gr.Request) -> None:
        """The visitor closed the page: what was kept for them goes."""
        VISITS.leave(identity(request))

    def _visit(self, asked: Controls, request: gr.Request) -> Visit:
        """The visit with the upload's session, read now unless it is the one at hand."""
        who = identity(request)
        visit = VISITS.current(who)
        if visit is not None and visit.source == asked.source:
            return visit
        picture, notes = work.read_picture(asked.upload, max_area=asked.area)
        sample = work.sample_name(picture)
        name = sample or work.name_of(asked.upload)
        session = VISITS.get(who, picture, name, shared=sample is not None, model=asked.model)
        visit = VISITS.visit(who, session)
        visit.source, visit.notes = asked.source, notes
        visit.shown.clear()
        return visit


def _focus_choices(session: Session, focus: str | None) -> dict[str, Any]:
    """What can matter: people and things, where they can be looked for, and the classes."""
    people = None if session.no_detector else session.semantic_map(FIRST)
    return class_choices(session.encoder.semantic_map(), focus, people)


def _files(session: Session, run: Run) -> tuple[str, str]:
    """What can be downloaded of a run: the `.semc` file and the decoded picture."""
    png = session.shelf.put(("exact", run.choice), lambda: run.picture)
    return str(session.shelf.save(run.data)), str(png)


def _outputs(**values: Any) -> tuple[Any, ...]:
    """`run`'s outputs with all left alone but those named."""
    names = (
        *("viewer", "facts", "file", "png", "focus", "without", "classes_of", "asked"),
        *("link", "command", "card"),
    )
    return tuple(values.get(name, gr.skip()) for name in names)


def _result(request: gr.Request) -> tuple[Visit, Run] | None:
    """What the visitor looks at and its finished run; None while there is none."""
    visit = VISITS.current(identity(request))
    run = None if visit is None else visit.session.run(visit.choice)
    return None if visit is None or run is None else (visit, run)
