"""Votes and ranks as tables, and raw votes back from the file that everybody can download."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from leaderboard.analysis import tables
from leaderboard.analysis.look import look_of
from leaderboard.data.problems import describe
from leaderboard.store.votes import CHOICES, Vote
from semcomp.errors import SemcompError

from .ranks import CLEAR, LEVEL, NEEDED, POOR, Ranks

if TYPE_CHECKING:
    import pandas

COLUMNS = ("visit", "day", "number", "picture", "rate", "left", "right", "choice", "seconds")


def votes_csv(votes: Sequence[Vote]) -> str:
    """Raw votes as CSV, those that do not count and the checks (rate 0) among them."""
    import pandas

    rows = [[getattr(vote, name) for name in COLUMNS] for vote in votes]
    return tables.csv(pandas.DataFrame(rows, columns=list(COLUMNS)))


def read_votes(text: str) -> list[Vote]:
    """Votes from `votes_csv`, in the order of visits. Raises SemcompError for another file."""
    import pandas

    try:
        frame = pandas.read_csv(StringIO(text), dtype={"day": str}, keep_default_na=False)
        votes = [Vote(**row) for row in frame[list(COLUMNS)].to_dict("records")]
        for vote in votes:
            checked = {vote.left, vote.right} == {CLEAR, POOR} if vote.rate == 0 else vote.rate > 0
            if vote.choice not in CHOICES or not checked or not math.isfinite(vote.seconds):
                raise ValueError(f"no vote: {describe(vote)}")
    except (ValueError, TypeError, KeyError) as error:
        raise SemcompError(
            f"this is no file of votes ({error}): give one that the page or `blind ranks --out` "
            "has written"
        ) from error
    return sorted(votes, key=lambda vote: (vote.visit, vote.number))


def ranks_frame(ranks: Ranks) -> pandas.DataFrame:
    """One row a codec, the strongest first, with the columns of `ranks.Standing`."""
    import pandas

    return pandas.DataFrame([vars(each) for each in ranks.standings])


def ranks_text(ranks: Ranks) -> pandas.DataFrame:
    """The text of `ranks_frame` under readable headings."""
    import pandas

    rows = [
        {
            "place": str(each.place)
            + (f" ({each.low}–{each.high})" if each.low < each.high else ""),
            "codec": look_of(each.codec).label,
            f"chosen before the average [{LEVEL:.0%} interval]": share_text(
                each.share, each.share_low, each.share_high
            ),
            "votes for it": f"{each.chosen:g} of {each.shown}",
        }
        for each in ranks.standings
    ]
    return pandas.DataFrame(rows)


def share_text(share: float, low: float, high: float) -> str:
    """A chance with its interval, in per cent."""
    return f"{share:.0%} [{100 * low:.0f}, {100 * high:.0f}]"


def still_needed(ranks: Ranks) -> str:
    """How far votes are from being enough, in words."""
    return f"{ranks.votes} of {NEEDED} votes needed"
