"""What the tab "Which is closer?" says. Names are escaped where they become HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from leaderboard.analysis.look import look_of
from leaderboard.blind.ranks import CLEAR, LEVEL, MOST_QUICK, POOR, QUICK, Ranks, Standing
from leaderboard.blind.tables import share_text, still_needed
from leaderboard.blind.visits import PUBLIC_VISITS, ROUNDS

INTRO = f"""
<p class="quiet">Two codecs, the same picture, the same bytes (within 2%). Which one is closer to
the original? {ROUNDS} rounds, no account. Your answers are stored with nothing about you: no
address, no cookie.</p>
"""
NOTHING = (
    "No pairs have been made on this server yet. Whoever runs it makes them with: "
    "python -m leaderboard blind prepare"
)
GONE = "This visit has ended, or the server was started again. Your answers so far are kept."
RULES = f"""
An answer in under {QUICK:g} seconds does not count. One round in {ROUNDS} is a check whose answer
is obvious: a visit counts once it is passed, and not at all if it is failed or if more than
{MOST_QUICK} answer came too soon. {PUBLIC_VISITS} visits a day from one network count for all; the
address is held in memory to count them, and stored nowhere.

Ranks follow Bradley and Terry: the share is the chance that a codec is chosen before the average
one. "Can't tell" is half a vote for each. The interval ({LEVEL:.0%}) is a bootstrap over visits.
`python -m leaderboard blind ranks --votes FILE` makes them anew from the raw votes.
"""
CLASS = """
<p class="quiet">A code gives a class its own result page, beside everybody's. Nobody's name is
asked for. All of a class's visits count on its page.</p>
"""
CLEARLY = 0.1
"""By how much shares differ that are called better or worse."""
_CHECKS = {CLEAR: "JPEG, large", POOR: "JPEG, tiny"}
_NOUNS = {"faces": "in pictures with faces", "text": "in pictures with text"}


def label(codec: str) -> str:
    """What a visitor reads for a codec or a side of a check."""
    return _CHECKS.get(codec) or look_of(codec).label


def answer_texts(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says after an answer, as plain text.

    answer: of `Visits.vote`. captions: of both sides. told: what was chosen, and how many others
    agreed. note: why an answer does not count, or "".
    """
    sides = answer["sides"]
    captions = [f"{label(side['codec'])}, {side['bytes']:,} bytes" for side in sides]
    chosen, counts = answer["chosen"], answer["counts"]
    if answer["check"]:
        right = chosen == CLEAR
        told = "This one was a check, " + ("and you passed it." if right else "and you missed it.")
    else:
        told = "You saw no difference." if chosen == "none" else f"You chose {label(chosen)}."
        told += f" {_others(answer['others'], chosen)}"
    note = ""
    if counts["failed"]:
        note = "The check was missed, so this visit's answers do not count. Play on for yourself."
    elif counts["hasty"]:
        note = "Several answers came too soon, so this visit does not count. Play on for yourself."
    elif answer["quick"]:
        note = f"That took under {QUICK:g} seconds, so it does not count."
    elif not counts["stored"]:
        note = "Your network has given its votes for today: these are not stored."
    return {"captions": captions, "told": told, "note": note}


def _others(others: Mapping[str, int], chosen: str) -> str:
    count = sum(others.values())
    if not count:
        return "You are the first to judge this pair."
    same = others.get(chosen, 0)
    if count == 1:
        return "The one before you agreed." if same else "The one before you did not agree."
    return f"{same} of {count} others agreed."


def result_texts(result: Mapping[str, Any]) -> dict[str, Any]:
    """What ten rounds say of a visitor's eye, as plain text: headline, lines, rows of a table."""
    chosen, shown = result["semantic"]
    rows = [[label(codec), f"{own:g} of {of}"] for codec, own, of in result["codecs"]]
    lines = []
    if shown:
        headline = f"You chose the semantic codec in {chosen:g} of {shown}"
        overall = chosen / shown
        for tag, (own, of) in sorted(result["of_tags"].items()):
            if tag in _NOUNS:
                more = own / of - overall
                verdict = "better" if more > CLEARLY else "worse" if -more > CLEARLY else "as good"
                lines.append(f"It was {verdict} {_NOUNS[tag]}: {own:g} of {of}.")
    else:
        headline = f"Your eye preferred {rows[0][0]}" if rows else "No pairs were judged"
    return {"headline": headline, "lines": lines, "rows": rows}


def ranks_html(ranks: Ranks, mine: Ranks | None = None) -> str:
    """The table of ranks, or how many votes it still takes.

    mine: of a class, shown beside everybody's however few its votes are.
    """
    everybody = {each.codec: each for each in ranks.standings} if ranks.enough else {}
    own = {each.codec: each for each in mine.standings} if mine is not None else everybody
    needed = "" if ranks.enough else f'<p class="quiet" role="status">{_needed(ranks)}</p>'
    if not own:
        return needed or '<p class="quiet" role="status">No votes yet.</p>'
    heads = ["Place", "Codec", "Chosen before the average"]
    if mine is not None:
        heads = ["Place", "Codec", "The class", "Everybody"]
    body = "".join(_row(each, everybody.get(each.codec), mine is not None) for each in own.values())
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    of = mine if mine is not None else ranks
    caption = f"{of.votes} votes of {of.visits} visits, {LEVEL:.0%} intervals"
    return (
        f'<table class="eyes"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>{needed}"
    )


def _needed(ranks: Ranks) -> str:
    return f"Everybody's ranks are shown once enough votes are in: {still_needed(ranks)}."


def _row(own: Standing, other: Standing | None, both: bool) -> str:
    place = f"{own.place}" + (f" ({own.low}–{own.high})" if own.low < own.high else "")
    cells = [place, escape(label(own.codec)), share_text(own.share, own.share_low, own.share_high)]
    if both:
        cells.append(share_text(other.share, other.share_low, other.share_high) if other else "–")
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
