"""Lists of names on the command line."""

from __future__ import annotations

import pytest

from leaderboard.cli.arguments import split_images, split_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat, dog,", ["cat", "dog"]),
        (r"a\, b.png,c", ["a, b.png", "c"]),
        (r"folder\name", [r"folder\name"]),
    ],
)
def test_names_are_split_at_commas_that_are_not_theirs(text: str, names: list[str]) -> None:
    assert split_names(text) == names


def test_images_named_several_times_add_up() -> None:
    assert split_images(["cat,dog", r"a\,b"]) == ["cat", "dog", "a,b"]
    assert split_images(None) is None and split_images([]) is None
