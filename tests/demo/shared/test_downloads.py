"""Names of the files that visitors download."""

from __future__ import annotations

import pytest

from semcomp.demo.shared.downloads import plain


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("my photo_1.v2", "my photo_1.v2"),
        ("a/b\\c:*?d", "a-b-c-d"),
        ("..", "picture"),
        ("हिन्दी चित्र", "हिन्दी चित्र"),
        ("ภาพที่", "ภาพที่"),
        ("Mu\u0308nchen", "M\u00fcnchen"),  # as a Mac decomposes it
    ],
)
def test_names_keep_letters_with_their_marks(given: str, name: str) -> None:
    assert plain(given) == name


def test_names_fit_into_any_file_system() -> None:
    for letter in ("a", "é", "ह", "\U00020000"):
        name = plain(300 * letter)
        assert set(name) == {letter} and len(f"{name}-1234.semc".encode()) <= 255
