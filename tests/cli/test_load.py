"""Tests of the load command's parts: numbered pictures and the report."""

from __future__ import annotations

import sys

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

import semcomp
from semcomp.__main__ import main
from semcomp.cli import load as load_command
from semcomp.cli.load import CELLS, Report, number_in, picture_of


@settings(deadline=None)
@given(st.integers(0, 2**CELLS**2 - 1), st.integers(64, 200), st.integers(64, 200))
def test_a_picture_carries_its_number(number: int, height: int, width: int) -> None:
    picture = picture_of(number, height, width)
    assert picture.shape == (height, width, 3)
    assert number_in(picture) == number


@pytest.mark.parametrize("number", [1, 0xA5C3])
def test_the_number_survives_the_codec(number: int) -> None:
    packed = semcomp.compress(picture_of(number, 128), level=2, allocation="uniform")
    assert number_in(semcomp.decompress(packed.data)) == number


def test_the_report_counts_and_judges() -> None:
    report = Report(2, results=3, seconds=[1.0, 2.0, 9.0], memory=[100, 120, 130, 125])
    report.refused["wait a minute"] = 2
    assert report.good
    text = "\n".join(report.lines())
    assert "5 requests of 2 visitors" in text and "3 results, 2 refused" in text
    assert "100 MB at the start, 120 MB after a quarter" in text and "130 MB at most" in text
    assert "refused 2: wait a minute" in text
    assert not Report(2).good, "nothing came back"
    report.strangers = 1
    assert not report.good


def test_a_mix_up_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_command, "run", lambda *_: Report(1, strangers=1))
    with pytest.raises(typer.Exit):
        load_command.load("http://example.invalid", 1, 1, as_json=True)


def test_a_missing_package_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gradio_client", None)
    assert main(["load", "http://127.0.0.1:9"]) == 1
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    assert said.err.endswith("pip install 'semcomp[demo]'\n")
