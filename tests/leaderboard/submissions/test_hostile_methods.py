"""Hostile descriptions of a method: each is refused with its message."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from leaderboard.data.problems import Rejected
from leaderboard.submissions.method import Method
from tests.support.hostile import Hostile
from tests.support.submitted import METHOD, csv_of, rows

_LINK = "an address such as https://example.org/paper, or nothing"
_BYTES = "a whole number of bytes (0 for none), or null if you do not know"
_COUNT = "a whole number (0 for none), or null if you do not know"
_UNSEEN = "text without control characters, line breaks or hidden marks"
_MARKUP = "plain text without HTML"
_HTTP = f"{_LINK}: http and https only"
_PUBLIC = f"{_LINK}: a public host's name"
_NAME = "the method's name"
_MARKS = "text with at most 4 marks on a letter"
_CONTACT = "an e-mail address for the maintainers' questions (never shown)"


def _honest() -> bytes:
    return csv_of(rows()).encode()


def _field(name: str, column: str, value: Any, given: str, expected: str) -> Hostile:
    """Honest results under a description with one hostile field."""
    message = f"method {column}: found {given}; expected {expected}"
    return Hostile(name, _honest, message, json.dumps(METHOD | {column: value}).encode())


def _whole(name: str, message: str, description: Any) -> Hostile:
    """Honest results under a hostile description."""
    return Hostile(name, _honest, f"method{message}", json.dumps(description).encode())


METHODS = [
    _field("no name", "name", "", "''", _NAME),
    _field("a name of blanks", "name", " \u3000 ", r"' \u3000 '", _NAME),
    _field("a hidden name", "name", "\u200b\u2060", r"'\u200b\u2060'", _UNSEEN),
    _field(
        "a name that runs",
        "name",
        "<script>alert(1)</script>",
        "'<script>alert(1)</script>'",
        _MARKUP,
    ),
    _field(
        "authors that load pictures",
        "authors",
        "<img src=//evil.example>",
        "'<img src=//evil.example>'",
        _MARKUP,
    ),
    _field("a name written backwards", "name", "codec\u202egpj.", r"'codec\u202egpj.'", _UNSEEN),
    _field("a name of two lines", "name", "a\nb", r"'a\nb'", _UNSEEN),
    _field(
        "notes of 1,900 lines",
        "notes",
        "a" + "\n" * 1900 + "b",
        repr("a" + "\n" * 1900)[:77] + "...",
        "at most 40 lines",
    ),
    _field("a method that rings", "name", "a\x07\x1b[31m", r"'a\x07\x1b[31m'", _UNSEEN),
    _field("half a character", "name", "a\ud800", r"'a\ud800'", _UNSEEN),
    _field("a name of 400 letters", "name", "a" * 400, f"'{'a' * 76}...", "at most 80 characters"),
    _field("a number for a name", "name", 7, "7", "text"),
    _field(
        "somebody else's name",
        "name",
        "BPG 4:2:0",
        "'BPG 4:2:0'",
        "a name of its own, such as 'BPG 4:2:0 (our settings)': the board has a BPG 4:2:0 already",
    ),
    _field(
        "somebody else's name, wide",
        "name",
        "ＪＰＥＧ",
        "'ＪＰＥＧ'",
        "a name of its own, such as 'ＪＰＥＧ (our settings)': the board has a ＪＰＥＧ already",
    ),
    _field(
        "a name of fillers, which are letters to Unicode",
        "name",
        "\u3164\uffa0\u115f\u2800",
        "'\u3164\uffa0\u115f\u2800'",
        _NAME,
    ),
    _field("a name that climbs", "name", "Co" + "\u0301" * 9, f"'Co{chr(0x301) * 9}'", _MARKS),
    _field("a link that runs", "link", "javascript:alert(1)", "'javascript:alert(1)'", _HTTP),
    _field(
        "a link of data",
        "code",
        "data:text/html;base64,PHNjcmlwdD4=",
        "'data:text/html;base64,PHNjcmlwdD4='",
        _HTTP,
    ),
    _field(
        "a link that leaves its quotes",
        "link",
        'https://a.example/" onclick="x',
        "'https://a.example/\" onclick=\"x'",
        f"{_LINK}: no spaces, quotes or brackets",
    ),
    _field(
        "a link with a password",
        "link",
        "https://board.example@evil.example/",
        "'https://board.example@evil.example/'",
        f"{_LINK}: no name or password in it",
    ),
    _field(
        "a link inside", "link", "http://169.254.169.254/", "'http://169.254.169.254/'", _PUBLIC
    ),
    _field("a link to oneself", "link", "http://localhost/", "'http://localhost/'", _PUBLIC),
    *(
        _field(
            f"a link to oneself as {host}", "link", f"http://{host}/", f"'http://{host}/'", _PUBLIC
        )
        for host in (
            *("127.1", "0x7f.1", "1.0x7F", "127.0.0.01", "１２７.1", "127。1", "%31%32%37.1"),
            "board.localhost",
        )
    ),
    _field("a link that is none", "link", "http://[::1", "'http://[::1'", _LINK),
    _field("no contact", "contact", "", "''", _CONTACT),
    _field("weights below nothing", "model_bytes", -1, "-1", f"{_BYTES}: 0 to 10000000000000"),
    _field("half a byte of weights", "model_bytes", 0.5, "0.5", _BYTES),
    _field("half a version", "earlier_versions", 0.5, "0.5", _COUNT),
    _field(
        "an overlap in other words",
        "test_overlap",
        "maybe",
        "'maybe'",
        "'none', 'some', or \"\" where you cannot say",
    ),
    _whole(
        "a field of one's own",
        ": found 'state'; expected only authors, code, contact, dataset, earlier_versions, "
        "licence, link, macs_per_pixel, model_bytes, name, notes, side_information_bytes, "
        "test_overlap, timing, training_data",
        METHOD | {"state": "approved"},
    ),
    _whole(
        "a flood of fields",
        ": found 1,010 fields; expected at most 15",
        METHOD | {f"field{number}": "x" for number in range(1000)},
    ),
    _field("another data set's method", "dataset", "clic", "'clic'", "kodak"),
    _whole(
        "weights unsaid",
        f" model_bytes: found nothing; expected {_BYTES}",
        {k: v for k, v in METHOD.items() if k != "model_bytes"},
    ),
    _whole(
        "a description that is a list",
        ": found a list of 0; expected an object with name, authors, contact, ...",
        [],
    ),
    _whole(
        "a flood of notes",
        ": found more than 64 KiB; expected a short JSON file",
        METHOD | {"notes": "a" * 70_000},
    ),
]


@pytest.mark.parametrize("hostile", METHODS, ids=lambda each: each.name)
def test_refused(hostile, check_refused):
    check_refused(hostile)


@pytest.mark.parametrize(
    "name",
    [
        "JP\u200dEG",  # a joiner
        "JP\u200cEG",
        "JP\u00adEG",  # a soft hyphen
        "JPEG\ufe0f",  # variation selectors
        "J\U000e0101PEG",
        "JP\u034fEG",  # a grapheme joiner
        "\u3164JPEG\uffa0",  # fillers of Hangul
        "JP\u2800EG",  # a pattern of Braille without dots
        "\u0408\u0420\u0415G",  # Cyrillic, and G
        "J\u03a1\u0395G",  # Greek
        "\u0458\u0440\u0435g",
        "\u13ab\u13e2\u13acG",  # Cherokee
        "\u1d0a\u1d18\u1d07\u0262",  # small capitals
        "\U0001f179P\U0001f174G",  # letters in squares
        "\U0001d409\U0001d40f\U0001d404\U0001d406",  # bold letters of mathematics
        "JP\u0301EG",
        "J\u0336P\u0336E\u0336G\u0336",
        "\u0412PG 4\u22362\u22360",  # ratio signs for colons
        "\u0432PG 4:2:0",  # a small letter that looks like a small capital
        "BPG 4:2:O",
        "AV1F",
        "AVlF",
        "VVebP",
    ],
)
def test_names_that_look_like_the_boards_are_refused(name):
    with pytest.raises(Rejected, match="a name of its own"):
        Method.from_json(METHOD | {"name": name})


@pytest.mark.parametrize(
    ("given", "stays"),
    [
        ("Wave\u00adlet\u200d codec\u200c", "Wavelet codec"),
        ("Le\u034fna\ufe0f \u2764\ufe0f", "Lena \u2764"),
        ("\u3164Codec\u2800", "Codec"),
        ("Codec \u200d\u200c 2", "Codec  2"),
        ("Codec\u200d\u3164", "Codec"),
    ],
)
def test_what_cannot_be_seen_is_left_out(given, stays):
    method = Method.from_json(METHOD | {"name": given, "authors": given, "notes": given})
    assert (method.name, method.authors, method.notes) == (stays, stays, stays)


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0915\u094d\u200d\u0937",  # Devanagari, a half letter
        "\u09b0\u200d\u09cd\u09af",  # Bengali
        "\u0d05\u0d35\u0d28\u0d4d\u200d",  # Malayalam, at the end of a word
        "Codec \U0001f3c3\U0001f3fd\u200d\u2640",  # a runner
        "Nguy\u1ec5n \u0e17\u0e35\u0e48 \u05e9\u05bc\u05c1\u05b8",  # marks that words need
        "\u041a\u043e\u0434\u0435\u043a \u0394E",
        "\ud55c\uad6d \u30b3\u30fc\u30c7\u30c3\u30af",
        "BPG 4:2:0 (our settings)",
        "JPEG-2",
        "Webb",
    ],
)
def test_words_of_every_script_stay_as_they_are(name):
    assert Method.from_json(METHOD | {"name": name}).name == unicodedata.normalize("NFC", name)
