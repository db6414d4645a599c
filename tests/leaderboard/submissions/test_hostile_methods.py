"""Hostile descriptions of a method: each is refused with its message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.hostile import Hostile
from tests.support.submitted import METHOD, csv_of, rows

_LINK = "an address such as https://example.org/paper, or nothing"
_BYTES = "a whole number of bytes (0 for none), or null if you do not know"
_UNSEEN = "text without control characters, line breaks or hidden marks"
_MARKUP = "plain text without HTML"
_HTTP = f"{_LINK}: http and https only"
_PUBLIC = f"{_LINK}: a public host's name"
_NAME = "the method's name"
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
    _whole(
        "a field of one's own",
        ": found 'state'; expected only authors, code, contact, dataset, licence, link, "
        "model_bytes, name, notes, side_information_bytes",
        METHOD | {"state": "approved"},
    ),
    _whole(
        "a flood of fields",
        ": found 1,010 fields; expected at most 10",
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
