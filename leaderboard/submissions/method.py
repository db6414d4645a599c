"""What a submitter says of the method: who made it, where it is, what it needs beside the files."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from confusable_homoglyphs.confusables import confusables_data

from leaderboard.data.datasets import KODAK
from leaderboard.data.problems import Problem, Rejected, describe, refusal

LENGTHS = {
    "name": 80,
    "authors": 300,
    "link": 300,
    "code": 300,
    "licence": 100,
    "notes": 2000,
    "contact": 200,
    "dataset": 60,
    "training_data": 300,
    "test_overlap": 10,
    "timing": 200,
}
"""Longest texts, in characters."""
REQUIRED = ("name", "authors", "contact")
"""Texts that must not be empty."""
MOST_LINES = 40
"""Lines of the notes, so that one entry's page stays a page."""
BYTES = ("side_information_bytes", "model_bytes")
"""Sizes that must be stated, if only as null."""
COUNTS = ("earlier_versions", "macs_per_pixel")
"""Numbers that may be left out."""
MOST_BYTES = 10**13
OVERLAPS = ("", "none", "some")
"""What may be said of test pictures among the training data; empty where nothing is."""

_LINKS = ("link", "code")
_MARKUP = re.compile(r"<\s*[a-zA-Z/!?]")
_CONTACT = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_JOINERS = re.compile("[\u200c\u200d]")
# Unicode's Default_Ignorable_Code_Point as far as text in good faith has it: the soft hyphen,
# fillers of Hangul, variation selectors and the like. The others are refused.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_BRAILLE_BLANK = "\u2800"
_MOST_MARKS = 4
"""Marks on one letter; UTS 39, section 5.4, calls more of them suspicious."""
_LETTER_SIGN = re.compile(r"(?:SMALL CAPITAL|LATIN CAPITAL LETTER|SYMBOL LETTER) ([A-Z])")


@dataclass(frozen=True)
class Method:
    """A method as its submitter describes it.

    name, authors, licence: short texts. link, code: addresses of the paper or page and of the
    code, http or https, or empty. notes: text of several lines. contact: how the maintainers reach
    the submitter; never shown, and empty wherever a method is shown. side_information_bytes: what
    a decoder needs for each picture and the files do not hold; model_bytes: size of the decoder's
    weights; None where the submitter does not know. dataset: whose pictures were coded.
    training_data: what the method was trained on; test_overlap: whether test pictures were among
    it, one of `OVERLAPS`. timing: how long it takes, on which machine. earlier_versions: how many
    its authors tried on these pictures before. macs_per_pixel: of the decoder.

    All texts are hostile: they are escaped wherever they are shown.
    """

    name: str
    authors: str = ""
    link: str = ""
    code: str = ""
    licence: str = ""
    notes: str = ""
    contact: str = ""
    side_information_bytes: int | None = None
    model_bytes: int | None = None
    dataset: str = KODAK
    training_data: str = ""
    test_overlap: str = ""
    timing: str = ""
    earlier_versions: int | None = None
    macs_per_pixel: int | None = None

    @classmethod
    def from_json(cls, data: Any) -> Method:
        """Inverse of `to_json(contact=True)`. Raises Rejected with every problem at once.

        Texts are trimmed and brought to Unicode's composed form (NFC); what cannot be seen is left
        out, but for joiners where a script needs them.
        """
        if not isinstance(data, Mapping):
            raise refusal("method", describe(data), "an object with name, authors, contact, ...")
        known = {field.name for field in fields(cls)}
        if len(data) > 2 * len(known):  # before any work on each of them
            count = f"{len(data):,} fields"
            raise refusal("method", count, f"at most {len(known)}")
        problems = [
            Problem("method", None, describe(key), f"only {', '.join(sorted(known))}")
            for key in data
            if key not in known
        ]
        values: dict[str, Any] = {}
        for name in LENGTHS:
            value = data.get(name, KODAK if name == "dataset" else "")
            expected = _text_problem(name, value)
            if expected:
                problems.append(Problem(f"method {name}", None, describe(value), expected))
            else:
                values[name] = _tidy(value)
        for name in (*BYTES, *COUNTS):
            expected = _count_problem(name, data)
            if expected:
                problems.append(Problem(f"method {name}", None, describe(data.get(name)), expected))
            else:
                values[name] = data.get(name)
        if problems:
            raise Rejected(problems)
        return cls(**values)

    def to_json(self, contact: bool = False) -> dict[str, Any]:
        """The fields by name; `Method(**method.to_json())` gives it back without the contact.

        contact: whether to give that one, which is nobody's to see.
        """
        data = asdict(self)
        if not contact:
            del data["contact"]
        return data


def dataset_of(described: object, known: Collection[str]) -> str | None:
    """The data set that a description names, whatever else is wrong there; None if not known."""
    named = described.get("dataset") if isinstance(described, Mapping) else None
    return named if isinstance(named, str) and named in known else None


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace(_BRAILLE_BLANK, " ")
    text = unicodedata.normalize("NFC", _IGNORABLE.sub("", text))
    text = _JOINERS.sub(lambda match: match[0] if _joins(text, match.start()) else "", text)
    return text.strip()


def _joins(text: str, place: int) -> bool:
    """Whether the joiner there changes what is seen: beside a virama, in Arabic and in emoji."""
    before, after = text[:place][-1:] or " ", text[place + 1 : place + 2] or " "
    if 9 in (unicodedata.combining(before), unicodedata.combining(after)):
        return True
    if unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL":
        return True
    return unicodedata.category(before) in ("So", "Sk") and unicodedata.category(after) == "So"


def _stacked(text: str) -> bool:
    """Whether a letter has so many marks that they run into the lines around it."""
    count = 0
    for character in unicodedata.normalize("NFD", text):
        count = count + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if count > _MOST_MARKS:
            return True
    return False


def _text_problem(name: str, value: Any) -> str | None:
    """What a text should have been, or None if it is right."""
    if not isinstance(value, str):
        return "text" if value is not None else 'text, or "" for none'
    if len(value) > 4 * LENGTHS[name]:  # before any work on it
        return f"at most {LENGTHS[name]} characters"
    text = _tidy(value)
    if any(_unseen(c) and not (c == "\n" and name == "notes") for c in text):
        return "text without control characters, line breaks or hidden marks"
    if text.count("\n") >= MOST_LINES:
        return f"at most {MOST_LINES} lines"
    if len(text) > LENGTHS[name]:
        return f"at most {LENGTHS[name]} characters"
    if _stacked(text):
        return f"text with at most {_MOST_MARKS} marks on a letter"
    if name in (*REQUIRED, "dataset") and not any(c.isalnum() for c in text):
        return "the data set's name" if name == "dataset" else _expected(name)
    if name == "test_overlap" and text not in OVERLAPS:
        return "'none', 'some', or \"\" where you cannot say"
    if name in _LINKS:
        return _link_problem(text)
    if name == "contact" and not _CONTACT.fullmatch(text):
        return _expected(name)
    if name != "notes" and _MARKUP.search(text):
        return "plain text without HTML"
    if name == "name" and _taken(text):
        return f"a name of its own, such as '{text} (our settings)': the board has a {text} already"
    return None


def _expected(name: str) -> str:
    return {
        "name": "the method's name",
        "authors": "who made the method",
        "contact": "an e-mail address for the maintainers' questions (never shown)",
    }[name]


def _unseen(character: str) -> bool:
    """Whether a character cannot be seen or changes how others are read."""
    if _JOINERS.match(character):  # `_tidy` has left those that words need
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _link_problem(text: str) -> str | None:
    expected = "an address such as https://example.org/paper, or nothing"
    if not text:
        return None
    if re.search(r"[\s<>\"'\\`{}|^]", text):
        return f"{expected}: no spaces, quotes or brackets"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return expected
    if parts.scheme not in ("http", "https"):
        return f"{expected}: http and https only"
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return f"{expected}: no name or password in it"
    if not re.fullmatch(r"[^.%]+(\.[^.%]+)+\.?", host) or _is_address(host):
        return f"{expected}: a public host's name"
    return None


def _is_address(host: str) -> bool:
    """Whether browsers take a host for an address, or for this machine itself.

    As in the URL standard: wide digits count as digits, and a host whose last part is a number, in
    whatever base and however short, is an IPv4 address.
    """
    last = unicodedata.normalize("NFKC", host).replace("。", ".").rstrip(".").rpartition(".")[2]
    if last == "localhost" or re.fullmatch(r"\d+|0x[0-9a-f]*", last):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _taken(name: str) -> bool:
    """Whether a name is that of a codec or a published curve of this repository's own board."""
    from leaderboard.analysis.look import look_of
    from leaderboard.codecs import CODECS
    from leaderboard.data.published import FOLDER

    own = [*CODECS, *(path.stem for path in FOLDER.glob("*.json"))]
    labels = [look_of(each, "").label for each in own]
    return skeleton(name) in {skeleton(each) for each in [*own, *labels]}


def skeleton(name: str) -> str:
    """What a name looks like: look-alike letters are one (UTS 39), whatever their case and marks.

    It stands for the name in comparisons alone and is no text to show.
    """
    looks = "".join(map(_look, unicodedata.normalize("NFKD", name))).casefold()
    plain = looks.translate(str.maketrans("i1|0", "lllo"))
    return plain.replace("rn", "m").replace("vv", "w")


@cache
def _look(character: str) -> str:
    """The ASCII characters that another looks like, else itself; nothing for blanks and marks."""
    if not (bare := _bare(character)):
        return ""
    if bare.isascii():
        return bare
    others = [character, *(each["c"] for each in confusables_data.get(character, ()))]
    for other in others:
        if (bare := _bare(other)) and bare.isascii():
            return bare
        sign = len(other) == 1 and _LETTER_SIGN.search(unicodedata.name(other, ""))
        if sign:
            return sign[1]
    return character


def _bare(text: str) -> str:
    """A text without its marks and what cannot be seen."""
    return "".join(
        c
        for c in unicodedata.normalize("NFKD", text)
        if not (c.isspace() or _unseen(c) or _JOINERS.match(c) or unicodedata.category(c)[0] == "M")
    )


def _count_problem(name: str, data: Mapping[Any, Any]) -> str | None:
    what = "a whole number of bytes" if name in BYTES else "a whole number"
    expected = f"{what} (0 for none), or null if you do not know"
    if name in BYTES and name not in data:
        return expected
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        return expected
    return None if 0 <= value <= MOST_BYTES else f"{expected}: 0 to {MOST_BYTES}"
