"""What visitors ask for again and again is worked out once, also if many ask at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def kept(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep a function's last results, at most `most`, by its positional arguments.

    As `functools.lru_cache`, but who asks while another thread is at the answer waits for that one.
    What raises is not kept: all who wait get the error, and the next one tries again.
    """

    def wrapper(function: Callable[P, R]) -> Callable[P, R]:
        answers: OrderedDict[tuple[Any, ...], Future[R]] = OrderedDict()
        lock = threading.Lock()

        @wraps(function)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            if kwargs:
                raise TypeError(f"{function.__name__} takes positional arguments alone")
            with lock:
                known = answers.get(args)
                answer: Future[R] = Future() if known is None else known
                answers[args] = answer
                answers.move_to_end(args)
                while len(answers) > most:
                    answers.popitem(last=False)
            if known is None:
                try:
                    answer.set_result(function(*args, **kwargs))
                except BaseException as error:
                    with lock:
                        if answers.get(args) is answer:
                            del answers[args]
                    answer.set_exception(error)
            return answer.result()

        return asked

    return wrapper
