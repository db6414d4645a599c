"""The whole lesson on a picture: its eight steps, one after the other."""

from collections.abc import Callable, Iterator, Sequence

from semcomp.demo.lesson.curves import Curve, results
from semcomp.demo.lesson.failures import gallery, verdicts
from semcomp.demo.lesson.step import Step
from semcomp.demo.lesson.steps_coding import iterations, spent
from semcomp.demo.lesson.steps_judging import judging
from semcomp.demo.lesson.steps_seeing import cost, importance, looking
from semcomp.demo.lesson.steps_sharing import sharing
from semcomp.demo.lesson.study import Study

COUNT = 8


def course(study: Study, curves: Sequence[Curve] = (), *, failures: bool = True) -> Iterator[Step]:
    """Steps 1 to 8 in the order of what they take: first those that are there at once.

    curves: of step 8. failures: whether step 7 has its gallery.
    """
    quick: tuple[Callable[[Study], Step], ...] = (cost, looking, importance, sharing)
    for make in quick:
        yield make(study)
    yield results(curves)
    yield spent(study)
    yield iterations(study)
    yield judging(study, gallery(verdicts()) if failures else "")
