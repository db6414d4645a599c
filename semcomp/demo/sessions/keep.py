"""Values that are made once, by one thread, while the others that want them wait."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Keep:
    """Values by key, made when they are first asked for."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, Lock] = {}
        self._guard = Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def find(self, kind: str, key: Hashable = None) -> Any:
        """The value of a kind and key if it is kept, else None."""
        with self._guard:
            return self._kept.get((kind, key))

    def values(self) -> list[Any]:
        """What is kept now."""
        with self._guard:
            return list(self._kept.values())

    def once(self, kind: str, make: Callable[[], T], key: Hashable = None, most: int = 64) -> T:
        """The value of a kind and key, made now if it is not kept.

        most: values of one kind that are kept, the latest ones. What `make` raises is raised, and
        nothing is kept.
        """
        full = kind, key
        with self._guard:
            if full in self._kept:
                return cast(T, self._kept[full])
            lock = self._locks.setdefault(full, Lock())
        with lock:
            with self._guard:
                if full in self._kept:
                    return cast(T, self._kept[full])
            value = make()
            with self._guard:
                same = [old for old in self._kept if isinstance(old, tuple) and old[0] == kind]
                for old in same[: max(0, len(same) - most + 1)]:
                    del self._kept[old]
                self._kept[full] = value
                self._locks.pop(full, None)
            return value
