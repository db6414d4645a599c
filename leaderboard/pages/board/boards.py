"""Results as the leaderboard's page shows them: read from folders, joined by approved submissions.

Everything here is computed once per process and kept; files that have changed are read again, and
submissions when the store says that the board has changed. A file that cannot be used becomes a
line in `Boards.problems`, and the others are shown without it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.analysis import tables
from leaderboard.analysis.curves import pictures
from leaderboard.analysis.look import FURTHER, OURS
from leaderboard.data.datasets import OFFICIAL, title_of
from leaderboard.data.published import FOLDER as PUBLISHED_FOLDER
from leaderboard.data.published import PUBLISHED, read_published
from leaderboard.data.results import (
    METRICS,
    Results,
    ResultsError,
    newest_versions,
    of_versions,
    read_results,
    to_frame,
    together,
)
from leaderboard.submissions.flags import flags_of
from semcomp.files import ASSETS

if TYPE_CHECKING:
    import pandas

    from leaderboard.store.database import Entry, Store

OpenStore = Callable[[], "Store"]
HERE = "this repository"
"""What the filter and a badge call results that were measured by this repository's own runs."""
FOLDER = ASSETS / "results"
"""Holds a folder of results per data set."""
PREFIX = "entry-"
"""Links name a submission by this and its number, since its name may hold anything."""


@dataclass(frozen=True, eq=False)
class BoardEntry:
    """An approved entry on a board. name: unlike any other's there."""

    name: str
    entry: Entry

    @property
    def token(self) -> str:
        """What links call it."""
        return f"{PREFIX}{self.entry.id}"


@dataclass(frozen=True, eq=False)
class Board:
    """Everything that is shown of one data set.

    results: measured ones first, then published curves over as many pictures. frame: of
    `results.to_frame`. entries: approved submissions by their names here. store: holds their rows.
    own: see `alone`.
    """

    name: str
    results: tuple[Results, ...]
    frame: pandas.DataFrame
    entries: Mapping[str, BoardEntry] = field(default_factory=dict)
    store: Store | None = None
    own: Board | None = None

    @property
    def alone(self) -> Board:
        """The same without submissions: what is worked out of it outlives their changes."""
        return self.own or self

    @property
    def codecs(self) -> list[str]:
        """Names of the codecs of this repository: its own, then others, then published ones."""
        return [each.name for each in self.results]

    def named(self, token: str) -> str | None:
        """The codec or submission that a link calls so; None for what is not there."""
        if token in self._tokens:
            return self._tokens[token]
        return token if token in self.codecs or token in self.entries else None

    @cached_property
    def _tokens(self) -> dict[str, str]:
        return {each.token: name for name, each in self.entries.items()}

    def token(self, name: str) -> str:
        """What links call a codec or a submission."""
        return self.entries[name].token if name in self.entries else name

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that any codec has."""
        return [metric for metric in METRICS if self.frame[metric].notna().any()]

    @cached_property
    def pictures(self) -> list[str]:
        """Names of the pictures."""
        return pictures(self.frame)

    @cached_property
    def anchors(self) -> list[str]:
        """Codecs that BD-rates can be taken against: complete ones, measured here."""
        everything = set(self.pictures)
        return [
            each.name
            for each in self.results
            if each.kind != PUBLISHED and everything <= set(each.images)
        ]

    def of(self, codec: str) -> Results:
        """A codec's or a submission's results. Raises StoreError where these cannot be read."""
        if codec in self.entries:
            assert self.store is not None
            results = _results_of(self.store, self.entries[codec])
            return of_versions(results, newest_versions(self.results))
        return next(each for each in self.results if each.name == codec)

    def frame_with(self, names: Sequence[str]) -> pandas.DataFrame:
        """The frame with the rows of these submissions. Raises StoreError."""
        return _frame_with(self, tuple(name for name in names if name in self.entries))


@dataclass(frozen=True, eq=False)
class Boards:
    """Boards by data set, and what could not be read."""

    boards: dict[str, Board] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


_reading = threading.Lock()
"""Visitors who arrive while a large board is read wait for it instead of reading it too."""


def load_boards(
    folder: Path = FOLDER, published: Path = PUBLISHED_FOLDER, store: OpenStore | None = None
) -> Boards:
    """The results of a folder and of the folders in it, and the approved submissions of a store.

    Files are read again only when one has changed, submissions when the store's revision has. store
    gives it; where it cannot be used, a problem says so and the rest is shown.
    """
    files = tuple(sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]))
    boards = _load(folder, published, files, _stamps(files), _stamps(published.glob("*.json")))
    if store is None:
        return boards
    from leaderboard.store.errors import StoreError

    try:
        opened = store()
        with _reading:
            return _read_entries(boards, opened, opened.revision())
    except StoreError as error:
        told = f"Submissions cannot be shown now: {error}"
        return replace(boards, problems=(*boards.problems, told))


@lru_cache(maxsize=4)
def _read_entries(boards: Boards, store: Store, revision: int) -> Boards:
    approved: dict[str, list[Entry]] = {dataset: [] for dataset in boards.boards}
    for entry in store.entries(["approved"]):
        approved.setdefault(entry.dataset, []).append(entry)
    everything, problems = dict(boards.boards), list(boards.problems)
    for dataset, entries in approved.items():
        board = boards.boards.get(dataset)
        if board is not None:
            named = _named(entries, set(board.codecs))
            everything[dataset] = replace(board, entries=named, store=store, own=board)
        else:
            problems.append(
                f"There are submissions of {title_of(dataset)}, and no results to compare them "
                f"with. Make some with: python -m leaderboard run --dataset {dataset}"
            )
    return Boards(everything, tuple(problems))


def _named(entries: Sequence[Entry], taken: Collection[str]) -> dict[str, BoardEntry]:
    """Entries by their names on a board, in their order.

    taken: names of codecs that are on the board already.
    """
    named: dict[str, BoardEntry] = {}
    for entry in entries:
        name = entry.method.name
        if name in taken or name in named:
            name = f"{name} (#{entry.id})"
        named[name] = BoardEntry(name, entry)
    return named


@lru_cache(maxsize=64)
def _results_of(store: Store, each: BoardEntry) -> Results:
    """An entry's results under its name on the board. Raises StoreError."""
    results = store.results(each.entry.id)
    provenance = {
        **results.provenance,
        "kind": each.entry.kind,
        "method": each.entry.method.to_json(),
        "entry": each.entry.id,
        "submitted": each.entry.submitted_at.strftime("%Y-%m-%d"),
        "upload": each.entry.digest,
    }
    return replace(results, name=each.name, provenance=provenance)


def flags_on(board: Board, name: str) -> tuple[str, ...]:
    """What readers are told of a submission's results (`submissions.flags`). Raises StoreError."""
    assert board.store is not None
    return _flags(board.store, board.entries[name])


@lru_cache(maxsize=512)
def _flags(store: Store, each: BoardEntry) -> tuple[str, ...]:
    return tuple(flags_of(_results_of(store, each)))


@lru_cache(maxsize=32)
def _frame_with(board: Board, names: tuple[str, ...]) -> pandas.DataFrame:
    import pandas

    if not names:
        return board.frame
    return pandas.concat(
        [board.frame, to_frame([board.of(name) for name in names])], ignore_index=True
    )


def _stamps(files: Any) -> tuple[tuple[str, int, int], ...]:
    stamps = []
    for path in sorted(files):
        try:
            state = path.stat()
        except OSError:  # gone since it was listed; reading says so
            continue
        stamps.append((str(path), state.st_mtime_ns, state.st_size))
    return tuple(stamps)


@lru_cache(maxsize=4)
def _load(
    folder: Path, published: Path, files: tuple[Path, ...], *_stamps: tuple[Any, ...]
) -> Boards:
    by_dataset: dict[str, list[Results]] = {}
    problems: list[str] = []
    for place in dict.fromkeys(path.parent for path in files):
        own = [path for path in files if path.parent == place]
        if place != folder and all(_something_else(path) for path in own):
            continue
        for path in own:
            try:
                results = read_results(path)
            except ResultsError as error:
                problems.append(_without_folders(error, path))
                continue
            same = by_dataset.setdefault(results.dataset, [])
            if results.name in [each.name for each in same]:
                problems.append(f"{path.name}: there are other results of {results.name}")
            else:
                same.append(results)
    if not by_dataset:
        problems.append("There are no results yet. Make some with: python -m leaderboard run")
    boards: dict[str, Board] = {}
    for dataset in sorted(by_dataset, key=_dataset_place):
        measured = by_dataset[dataset]
        count = len(pictures(to_frame(measured)))
        try:
            others = read_published(published, dataset, count)
        except ResultsError as error:
            others = []
            told = _without_folders(error, published / "*")
            problems.append(f"Published curves are left out: {told}")
        versions = newest_versions(measured)
        older = [each.name for each in measured if of_versions(each, versions) is not each]
        if older:
            problems.append(
                f"Scores of {', '.join(older)} under maps of an older version are left out. "
                f"Measure them again with: python -m leaderboard run --dataset {dataset}"
            )
        names = {each.name for each in measured}
        ordered = [
            *sorted(measured, key=_place),
            *(each for each in others if each.name not in names),
        ]
        boards[dataset] = Board(dataset, tuple(ordered), to_frame(ordered))
    official = [by_dataset[name] for name in OFFICIAL if name in by_dataset]
    both = sorted(together(official), key=_place) if len(official) > 1 else []
    if both:
        boards[both[0].dataset] = Board(both[0].dataset, tuple(both), to_frame(both))
    return Boards(boards, tuple(problems))


def _dataset_place(name: str) -> tuple[int, str]:
    """Those that everybody knows first."""
    return OFFICIAL.index(name) if name in OFFICIAL else len(OFFICIAL), name


def _something_else(path: Path) -> bool:
    """Whether a file is JSON of another kind, such as the record of a study."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and "results" not in data


def _without_folders(error: Exception, path: Path) -> str:
    """An error's text without the server's folders, which are nobody's business."""
    return str(error).replace(f"{path.parent}/", "")


def _place(results: Results) -> tuple[bool, int, str]:
    ours = results.name in OURS
    return results.kind == PUBLISHED, OURS.index(results.name) if ours else len(OURS), results.name


def default_codecs(board: Board) -> list[str]:
    """What is drawn at first: what was measured, the paper's own baselines, and VVC."""
    first = ("toderici2017", "johnston2018", "vtm")
    return [
        each.name
        for each in board.results
        if each.name in first or (each.kind != PUBLISHED and each.name not in FURTHER)
    ]


def default_anchor(names: Sequence[str]) -> str | None:
    """BPG if it is there, as in the paper."""
    return tables.ANCHOR if tables.ANCHOR in names else next(iter(names), None)
