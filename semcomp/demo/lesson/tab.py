"""The tab "Lesson": picture and level in, eight steps out, each as soon as it is computed."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from html import escape
from threading import Lock
from typing import Any

import gradio as gr

from semcomp.demo.sessions.visits import VISITS, identity
from semcomp.demo.shared import work
from semcomp.demo.shared.components import class_choices, pick, thumbnails, upload
from semcomp.demo.shared.events import AT_ONCE, LAST, MODEL, PRIVATE, on_gpu
from semcomp.demo.shared.static import static
from semcomp.demo.shared.words import FOCUS
from semcomp.files import ASSETS

from . import book
from .book import SHORT, TITLES, Step, waiting
from .curves import Curve, results
from .failures import gallery, verdicts
from .steps_coding import iterations, spent
from .steps_judging import judging
from .steps_seeing import cost, importance, looking
from .steps_sharing import sharing
from .study import PictureStudy, study

FOLDER = ASSETS / "lesson"
"""Teacher's page and notebook."""
FIRST = "astronaut"
"""The sample the lesson opens with: sharing clearly wins on it."""
CACHED = 3
"""Lessons on sample pictures that stay in memory, some megabytes each. Uploads never do."""
COUNT = len(TITLES)
NO_PICTURE = '<p class="quiet">No picture yet: add one, or pick a sample.</p>'
TITLE = "Semantic image compression, in eight steps"
"""Of a printed or saved lesson."""
INTRO = """
<p class="quiet">Eight steps through the method, about ten minutes, on any picture. Move the
slider in each step, guess, then open the question.</p>
"""
HEAD = (
    f'<style id="lesson-book-style">{book.STYLE}</style>'
    f'<style id="lesson-sheet-style" media="not all">{static("lesson_sheet.css")}</style>'
    f"<style>{static('lesson_frame.css')}</style>"
    f'<script id="lesson-book-script">{book.SCRIPT}</script>'
    f"<script>{static('lesson_frame.js').replace('@TITLE@', json.dumps(TITLE)[1:-1])}</script>"
)
"""For the page's head: Gradio confines its own style sheet, and this goes into saved pages too."""

Curves = Callable[[], Sequence[Curve]]
_cache: OrderedDict[tuple[str, float, str | None], list[Any]] = OrderedDict()
_likeliest: dict[str, str] = {}
_guard = Lock()


def build_tab(tab: gr.Tab, curves: Curves = tuple) -> None:
    """Fill the tab at hand; it is computed when it is first opened.

    curves: gives those of the last step.
    """
    samples = work.samples()
    first = samples.get(FIRST, next(iter(samples.values())))
    with gr.Column(elem_id="lesson"):
        gr.HTML(INTRO)
        # Folded, so that the first view of a step is in sight.
        fold = gr.Accordion("Another picture, level or class", open=False)
        with fold, gr.Row(elem_id="lesson-source"):
            with gr.Column(scale=2, min_width=220):
                picture = upload("Picture", first, height=170, elem_id="lesson-picture")
            with gr.Column(scale=5, min_width=260):
                row = thumbnails(samples, "lesson-samples")
                same = gr.Button("Take the first tab's picture", size="sm", elem_id="lesson-same")
                level = gr.Slider(
                    1,
                    16,
                    8,
                    step=1,
                    label="Average level",
                    info="How many iterations a block gets on average.",
                    elem_id="lesson-level",
                )
                focus = gr.Radio([], label="What should matter", info=FOCUS, elem_id="lesson-focus")
        turn = gr.HTML("", elem_id="lesson-turn")  # progress, over no text
        gr.HTML(steps_bar())
        parts = [gr.HTML(waiting(n), elem_id=f"lesson-{n}") for n in range(1, COUNT + 1)]
        gr.HTML(static("lesson_buttons.html"))
        with gr.Accordion("For teachers", open=False, elem_id="lesson-teachers"):
            gr.Markdown(teacher_page(), elem_id="lesson-teacher")
            with gr.Row():
                for label, name in (("Teacher's page", "teacher.md"), ("Notebook", "lesson.ipynb")):
                    if (FOLDER / name).is_file():
                        gr.DownloadButton(label, value=FOLDER / name, min_width=160)
    opened = gr.State(False)
    classes_of = gr.State()  # the picture whose classes are offered

    @on_gpu
    def teach(
        source: Any,
        level: float,
        focus: str | None,
        classes_of: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it in the signature
    ) -> Iterator[list[Any]]:
        """The steps, each as soon as it is there."""
        yield from lesson(source, level, curves, progress, focus, classes_of)

    ran: dict[str, Any] = {"fn": teach, "inputs": [picture, level, focus, classes_of], **MODEL}
    ran |= {"outputs": [*parts, focus, classes_of]}
    ran |= {"show_progress": "minimal", "show_progress_on": turn, **LAST, **PRIVATE}
    quick: dict[str, Any] = {**AT_ONCE, **LAST}
    # Through the queue: only there a state's change is noticed.
    at_once: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", **PRIVATE}
    tab.select(lambda: True, None, opened, **at_once)
    opened.change(**ran)  # the first time only
    # Steps of a former picture go before another one is looked at.
    coming, gone = [waiting(n) for n in range(1, COUNT + 1)], [NO_PICTURE, *[""] * (COUNT - 1)]

    def sample(row: gr.Gallery) -> list[Any]:
        return [pick(row), *coming]

    picked = row.select(sample, row, [picture, *parts], preprocess=False, **quick)
    copied = same.click(_same_picture, None, picture, **quick).success(
        lambda: coming, None, parts, **quick
    )
    given = picture.input(
        lambda source: coming if source else gone, picture, parts, preprocess=False, **quick
    )
    for begun in (picked, copied, given):
        begun.success(**ran).failure(lambda: [None, *gone], None, [picture, *parts], **quick)
    gr.on([level.release, focus.input], **ran)


def lesson(
    source: Any,
    level: float,
    curves: Curves,
    progress: Any = None,
    focus: str | None = None,
    classes_of: str | None = None,
) -> Iterator[list[Any]]:
    """The eight steps for an upload as HTML, one after the other, and what the page knows of it.

    focus: the class that matters, of the picture `classes_of`; it means nothing for another. Each
    value has the steps, the choice of classes and the picture they belong to; `gr.skip()` where
    nothing changes. Raises gr.Error in words for visitors.
    """
    nothing = [gr.skip()] * (COUNT + 2)
    if not source:
        yield nothing
        return
    with work.for_visitors():
        picture, _ = work.read_picture(source)
        path = work.path_of(source)
        fresh = path != classes_of
        name = work.sample_name(picture)
        if fresh or focus == _likeliest.get(name or ""):
            focus = None
        key = None if name is None else (name, level, focus)
        with _guard:
            cached = None if key is None else _cache.get(key)
        if cached is not None:
            yield [*cached[:COUNT], *([cached[COUNT], path] if fresh else nothing[:2])]
            return
        done: list[Any] = [waiting(n) for n in range(1, COUNT + 1)]
        studied = study(picture, level, class_name=focus)
        done.append(class_choices(studied.semantic_map, focus))
        for count, step in enumerate(course(studied, curves()), 1):
            html = step.html()
            done[step.number - 1] = html
            if progress is not None:
                progress((count, COUNT), desc="Computing the steps", unit="steps")
            if count == 1:
                yield [*done[:COUNT], *([done[COUNT], path] if fresh else nothing[:2])]
            else:
                parts = [html if n == step.number else gr.skip() for n in range(1, COUNT + 1)]
                yield [*parts, *nothing[:2]]
    if key is not None:
        with _guard:
            _likeliest[key[0]] = studied.semantic_map.top[0].name
            _cache[key] = done
            while len(_cache) > CACHED:
                _cache.popitem(last=False)


def course(study: PictureStudy, curves: Sequence[Curve] = ()) -> Iterator[Step]:
    """Steps 1 to 8 in the order of what they take: first those that are there at once.

    curves: of step 8.
    """
    quick: tuple[Callable[[PictureStudy], Step], ...] = (cost, looking, importance, sharing)
    for make in quick:
        yield make(study)
    yield results(curves)
    yield spent(study)
    yield iterations(study)
    yield judging(study, gallery(verdicts()))


def steps_bar() -> str:
    """The row of steps, as HTML."""
    buttons = "".join(
        f'<li><button type="button" data-step="{number}" title="{escape(title, quote=True)}"'
        f"{' aria-current=step' if number == 1 else ''}>"
        f'<span class="number">{number}</span><span class="word">{escape(short)}</span></button>'
        "</li>"
        for number, (title, short) in enumerate(zip(TITLES, SHORT, strict=True), 1)
    )
    return f'<nav class="steps" aria-label="Steps of the lesson"><ol>{buttons}</ol></nav>'


@cache
def teacher_page() -> str:
    """The teacher's page, Markdown."""
    path = FOLDER / "teacher.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _same_picture(request: gr.Request) -> Any:
    """The picture that the visitor looks at in the first tab; none yet changes nothing."""
    visit = VISITS.current(identity(request))
    return gr.skip() if visit is None else visit.session.picture
