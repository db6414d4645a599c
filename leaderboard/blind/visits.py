"""Visits of the blind comparison: ten rounds each, in memory, until the answers are stored.

The page gets a token for each picture and nothing else before the answer. What is known of a
visitor is an address, in memory alone: it bounds how many of its visits count for all.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.store.errors import StoreError
from leaderboard.store.votes import CHOICES, Choice, Vote

from .opinion import Chooser, Opinion, is_semantic
from .pairs import ORIGINAL, Pair, Pairs, load_pairs
from .ranks import CLEAR, MOST_QUICK, QUICK

if TYPE_CHECKING:
    from leaderboard.store.database import Store

ROUNDS = 10
CHECK_ROUNDS = (2, 3, 4, 5)
"""The check is one of these: votes count once it is passed, so it comes early."""
PUBLIC_VISITS = 3
"""Visits of one address that count for all in a day; more are a flood, or a class."""
DAY = 86_400.0
CLASSES = 5
"""Class codes that one address may make in a day."""
MOST_VISITS, MOST_OF_ADDRESS, MOST_ADDRESSES = 5000, 100, 100_000
"""Visits in memory, those of one address, and addresses; the oldest go first."""


class Gone(Exception):
    """The visit is not known here: it is too old, or the server was started again."""


@dataclass(frozen=True)
class Round:
    """A pair as it is shown. tokens: of original, left and right. left_first: whether the pair's
    first side is on the left. tags: of the picture. sent: when, by the clock."""

    pair: Pair
    left_first: bool
    tags: tuple[str, ...]
    tokens: tuple[str, str, str]
    sent: float

    @property
    def stems(self) -> tuple[str, str, str]:
        """What is behind the tokens."""
        left, right = self.sides
        return ORIGINAL, left.stem, right.stem

    @property
    def sides(self) -> tuple[Any, Any]:
        """Left and right."""
        first, second = self.pair.sides
        return (first, second) if self.left_first else (second, first)

    def vote(self, choice: Choice, seconds: float) -> Vote:
        """An answer to it."""
        left, right = self.sides
        return Vote(self.pair.picture, self.pair.rate, left.codec, right.codec, choice, seconds)


@dataclass(eq=False)
class Visit:
    """One visitor's rounds. votes: the answers. public: whether they count for all; None before
    the first. number: the store's, None before the first answer."""

    token: str
    address: str
    class_code: str | None
    check_at: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    votes: list[Vote] = field(default_factory=list)
    tags: list[tuple[str, ...]] = field(default_factory=list)
    now: Round | None = None
    public: bool | None = None
    number: int | None = None

    @property
    def stored(self) -> bool:
        """Whether answers are stored: for all, or for a class."""
        return bool(self.public) or self.class_code is not None

    @property
    def failed(self) -> bool:
        """Whether a check was answered wrongly."""
        return any(vote.rate == 0 and vote.chosen != CLEAR for vote in self.votes)

    @property
    def hasty(self) -> bool:
        """Whether too many answers came too soon."""
        return sum(vote.seconds < QUICK for vote in self.votes) > MOST_QUICK


class Addresses:
    """What addresses have had today, in memory alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._had: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def take(self, address: str, what: str, most: int) -> bool:
        """Whether an address may have one more of something today; it is counted."""
        had = self._had.setdefault((address, what), deque())
        self._had.move_to_end((address, what))
        while len(self._had) > MOST_ADDRESSES:
            self._had.popitem(last=False)
        now = self._clock()
        while had and had[0] <= now - DAY:
            had.popleft()
        if len(had) >= most:
            return False
        had.append(now)
        return True


class Visits:
    """All visits of this server; its methods may be called from any thread."""

    def __init__(
        self,
        folder: Callable[[], Path],
        store: Callable[[], Store],
        opinion: Opinion,
        clock: Callable[[], float] = time.monotonic,
        seed: int | None = None,
    ) -> None:
        """folder: gives that of the prepared pairs. store: gives the board's. seed: for tests."""
        self._folder, self._store, self._clock = folder, store, clock
        self._chooser = Chooser(opinion, seed)
        self._addresses = Addresses(clock)
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._tokens: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def pairs(self) -> Pairs:
        """What is prepared. Raises SemcompError where there is no folder for it."""
        return load_pairs(self._folder())

    def start(self, address: str, class_code: str | None = None) -> dict[str, Any]:
        """A new visit's token and first round, see `_shown`. Raises StoreError."""
        if class_code is not None and not self._store().is_class(class_code):
            raise StoreError(f"no class has the code {class_code}: ask your teacher again")
        visit = Visit(
            secrets.token_urlsafe(16),
            address,
            class_code,
            self._chooser.random.choice(CHECK_ROUNDS),
        )
        with self._lock:
            mine = [each for each in self._visits.values() if each.address == address]
            for old in mine[: len(mine) + 1 - MOST_OF_ADDRESS]:
                self._drop(old)
            while len(self._visits) >= MOST_VISITS:
                self._drop(next(iter(self._visits.values())))
            self._visits[visit.token] = visit
        return {"visit": visit.token, "rounds": ROUNDS, "round": self._next(visit)}

    def vote(self, token: str, number: int, choice: str, seconds: float) -> dict[str, Any]:
        """Store the answer to a visit's round and tell what was what, with the next round.

        number: of the round, from 1. seconds: as the page took them, from the pictures' showing.
        Raises Gone for a visit or a round that is not being asked, StoreError with the round still
        open where the answer cannot be stored.
        """
        with self._lock:
            visit = self._visits.get(token)
            if visit is None:
                raise Gone
            self._visits.move_to_end(token)
        with visit.lock:
            shown = visit.now
            if shown is None or number != len(visit.votes) + 1 or choice not in CHOICES:
                raise Gone
            known = next(each for each in CHOICES if each == choice)
            passed = self._clock() - shown.sent  # the page's own time can be no longer
            vote = shown.vote(known, max(0.0, min(seconds, passed)))
            if visit.public is None:
                with self._lock:
                    visit.public = self._addresses.take(visit.address, "visit", PUBLIC_VISITS)
            if visit.stored:
                visit.number = self._store().add_vote(
                    vote, visit.number, number, public=visit.public, class_code=visit.class_code
                )
            visit.votes.append(vote)
            visit.tags.append(shown.tags)
            others = self._answers(vote) - Counter({vote.chosen: int(visit.stored)})
            with self._lock:
                for old in shown.tokens:
                    self._tokens.pop(old, None)
            visit.now = None
            left, right = shown.sides
            return {
                "choice": choice,
                "check": vote.rate == 0,
                "rate": vote.rate,
                "sides": [
                    {"codec": side.codec, "bytes": side.bytes, "quality": side.quality}
                    for side in (left, right)
                ],
                "others": dict(others),
                "chosen": vote.chosen,
                "quick": vote.seconds < QUICK,
                "counts": {
                    "stored": visit.stored,
                    "public": visit.public,
                    "failed": visit.failed,
                    "hasty": visit.hasty,
                },
                "round": self._next(visit) if len(visit.votes) < ROUNDS else None,
                "result": None if len(visit.votes) < ROUNDS else result(visit),
            }

    def picture(self, token: str) -> bytes | None:
        """The picture of a token as WebP, as long as the other side's; None for an unknown one."""
        with self._lock:
            found = self._tokens.get(token)
            visit = None if found is None else self._visits.get(found[0])
        shown = None if visit is None else visit.now
        if found is None or shown is None:
            return None
        pairs, stem = self.pairs(), found[1]
        try:
            own = pairs.pixels(shown.pair.picture, stem)
            if stem == ORIGINAL:
                return own
            sizes = [len(pairs.pixels(shown.pair.picture, each)) for each in shown.stems[1:]]
        except (OSError, KeyError):  # made again at this moment
            return None
        return own.ljust(max(sizes), b"\0")  # sizes would tell codecs apart; decoders ignore it

    def make_class(self, address: str) -> str:
        """A new class code. Raises StoreError."""
        with self._lock:
            allowed = self._addresses.take(address, "class", CLASSES)
        if not allowed:
            raise StoreError(f"{CLASSES} codes a day can be made from one network: use those")
        return self._store().make_class()

    def _answers(self, vote: Vote) -> Counter[str]:
        try:
            return self._store().answers(vote)
        except StoreError:  # the vote itself is stored
            return Counter()

    def _drop(self, visit: Visit) -> None:
        self._visits.pop(visit.token, None)
        for token in visit.now.tokens if visit.now else ():
            self._tokens.pop(token, None)

    def _next(self, visit: Visit) -> dict[str, Any] | None:
        """The next round of a visit as the page may know it; None where nothing is prepared."""
        pairs = self.pairs()
        number = len(visit.votes) + 1
        had = {vote.picture for vote in visit.votes}
        codecs = {tuple(sorted((vote.left, vote.right))) for vote in visit.votes}
        chosen = self._chooser.choose(pairs, had, codecs, semantic=number % 2 == 1)  # type: ignore[arg-type]
        if chosen is None:
            return None
        if number == visit.check_at:
            chosen = pairs.pictures[chosen.picture].check
        tokens = (secrets.token_urlsafe(16), secrets.token_urlsafe(16), secrets.token_urlsafe(16))
        left_first = self._chooser.random.random() < 0.5
        picture = pairs.pictures[chosen.picture]
        visit.now = Round(chosen, left_first, picture.tags, tokens, self._clock())
        with self._lock:
            for token, stem in zip(tokens, visit.now.stems, strict=True):
                self._tokens[token] = visit.token, stem
        return {
            "number": number,
            "tokens": list(tokens),
            "width": picture.width,
            "height": picture.height,
            "name": picture.name,
            "credit": picture.credit,
        }


def result(visit: Visit) -> dict[str, Any]:
    """What a visit's eyes prefer.

    codecs: (name, chosen, shown), most often chosen first, halves for no difference. semantic:
    (chosen, shown) where a codec that follows meaning met another; of_tags: the same by what is in
    the picture.
    """
    shown: Counter[str] = Counter()
    chosen: Counter[str] = Counter()
    semantic = [0.0, 0]
    of_tags: dict[str, list[float]] = {}
    for vote, tags in zip(visit.votes, visit.tags, strict=True):
        if vote.rate == 0:
            continue
        shares = {vote.left: {"left": 1.0, "none": 0.5}.get(vote.choice, 0.0)}
        shares[vote.right] = 1 - shares[vote.left]
        for codec, share in shares.items():
            shown[codec] += 1
            chosen[codec] += share  # type: ignore[assignment]
        if is_semantic(vote.left) != is_semantic(vote.right):
            share = next(share for codec, share in shares.items() if is_semantic(codec))
            for count in (semantic, *(of_tags.setdefault(tag, [0.0, 0]) for tag in tags)):
                count[0] += share
                count[1] += 1
    order = sorted(shown, key=lambda codec: (-chosen[codec] / shown[codec], -shown[codec], codec))
    return {
        "codecs": [[codec, chosen[codec], shown[codec]] for codec in order],
        "semantic": semantic,
        "of_tags": of_tags,
    }
