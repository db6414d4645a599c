"""The whole lesson on a picture: its eight steps, one after the other."""

from collections.abc import Callable, Iterator, Sequence

from .curves import Curve, results
from .failures import gallery, verdicts
from .step import Step
from .steps_coding import iterations, spent
from .steps_judging import judging
from .steps_seeing import cost, importance, looking
from .steps_sharing import sharing
from .study import Study

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
