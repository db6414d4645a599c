"""Hostile descriptions of a method."""

from __future__ import annotations

import json

from tests.leaderboard.submissions.hostile_cases import Hostile, described
from tests.support.submitted import METHOD, csv_of, rows

_LINK = "an address such as https://example.org/paper, or nothing"
_BYTES = "a whole number of bytes (0 for none), or null if you do not know"

METHODS = [
    described("no name", "method name: found ''; expected the method's name", name=""),
    described(
        "a name of blanks",
        "method name: found ' \\u3000 '; expected the method's name",
        name=" \u3000 ",
    ),
    described(
        "a hidden name",
        "method name: found '\\u200b\\u2060'; expected text without control "
        "characters, line breaks or hidden marks",
        name="\u200b\u2060",
    ),
    described(
        "a name that runs",
        "method name: found '<script>alert(1)</script>'; expected plain text without HTML",
        name="<script>alert(1)</script>",
    ),
    described(
        "authors that load pictures",
        "method authors: found '<img src=//evil.example>'; expected plain text without HTML",
        authors="<img src=//evil.example>",
    ),
    described(
        "a name written backwards",
        "method name: found 'codec\\u202egpj.'; expected text "
        "without control characters, line breaks or hidden marks",
        name="codec\u202egpj.",
    ),
    described(
        "a name of two lines",
        "method name: found 'a\\nb'; expected text without control "
        "characters, line breaks or hidden marks",
        name="a\nb",
    ),
    described(
        "a method that rings",
        "method name: found 'a\\x07\\x1b[31m'; expected text without "
        "control characters, line breaks or hidden marks",
        name="a\x07\x1b[31m",
    ),
    described(
        "half a character",
        "method name: found 'a\\ud800'; expected text without control "
        "characters, line breaks or hidden marks",
        name="a\ud800",
    ),
    described(
        "a name of 400 letters",
        f"method name: found '{'a' * 76}...; expected at most 80 characters",
        name="a" * 400,
    ),
    described("a number for a name", "method name: found 7; expected text", name=7),
    described(
        "somebody else's name",
        "method name: found 'BPG 4:2:0'; expected a name of its own, "
        "such as 'BPG 4:2:0 (our settings)': the board has a BPG 4:2:0 already",
        name="BPG 4:2:0",
    ),
    described(
        "somebody else's name, wide",
        "method name: found 'ＪＰＥＧ'; expected a name of its "
        "own, such as 'ＪＰＥＧ (our settings)': the board has a ＪＰＥＧ already",
        name="ＪＰＥＧ",
    ),
    described(
        "a link that runs",
        f"method link: found 'javascript:alert(1)'; expected {_LINK}: http and https only",
        link="javascript:alert(1)",
    ),
    described(
        "a link of data",
        f"method code: found 'data:text/html;base64,PHNjcmlwdD4='; expected "
        f"{_LINK}: http and https only",
        code="data:text/html;base64,PHNjcmlwdD4=",
    ),
    described(
        "a link that leaves its quotes",
        "method link: found 'https://a.example/\" onclick="
        f"\"x'; expected {_LINK}: no spaces, quotes or brackets",
        link='https://a.example/" onclick="x',
    ),
    described(
        "a link with a password",
        "method link: found 'https://board.example@evil.example/'; "
        f"expected {_LINK}: no name or password in it",
        link="https://board.example@evil.example/",
    ),
    described(
        "a link inside",
        f"method link: found 'http://169.254.169.254/'; expected {_LINK}: a public host's name",
        link="http://169.254.169.254/",
    ),
    described(
        "a link to oneself",
        f"method link: found 'http://localhost/'; expected {_LINK}: a public host's name",
        link="http://localhost/",
    ),
    described(
        "a link that is none",
        f"method link: found 'http://[::1'; expected {_LINK}",
        link="http://[::1",
    ),
    described(
        "no contact",
        "method contact: found ''; expected an e-mail address for the "
        "maintainers' questions (never shown)",
        contact="",
    ),
    described(
        "weights below nothing",
        f"method model_bytes: found -1; expected {_BYTES}: 0 to 10000000000000",
        model_bytes=-1,
    ),
    described(
        "half a byte of weights",
        f"method model_bytes: found 0.5; expected {_BYTES}",
        model_bytes=0.5,
    ),
    described(
        "a field of one's own",
        "method: found 'state'; expected only authors, code, contact, "
        "dataset, licence, link, model_bytes, name, notes, side_information_bytes",
        state="approved",
    ),
    described(
        "a flood of fields",
        "method: found 1,010 fields; expected at most 10",
        **{f"field{number}": "x" for number in range(1000)},
    ),
    described(
        "another data set's method", "method dataset: found 'clic'; expected kodak", dataset="clic"
    ),
    Hostile(
        "weights unsaid",
        lambda: csv_of(rows()).encode(),
        f"method model_bytes: found nothing; expected {_BYTES}",
        json.dumps({k: v for k, v in METHOD.items() if k != "model_bytes"}).encode(),
    ),
    Hostile(
        "a description that is a list",
        lambda: csv_of(rows()).encode(),
        "method: found a list of 0; expected an object with name, authors, contact, ...",
        b"[]",
    ),
    Hostile(
        "a flood of notes",
        lambda: csv_of(rows()).encode(),
        "method: found more than 64 KiB; expected a short JSON file",
        json.dumps(METHOD | {"notes": "a" * 70_000}).encode(),
    ),
]
