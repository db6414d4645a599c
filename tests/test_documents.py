"""README and docs: their examples run as they stand, what they name is there.

The programs of docs/api are run by tests/demo/hosting/test_api.py.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp.__main__ import main
from semcomp.image import to_file
from tests import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
"""What people read."""


def blocks(page: Path, language: str) -> list[str]:
    """A page's examples in a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def documented_commands(pages: Sequence[Path] = PAGES) -> list[list[str]]:
    """The pages' shell commands, one list of words each, without comments."""
    text = "\n".join(block for page in pages for block in blocks(page, "sh"))
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with what the examples work on."""
    photo = Image.fromarray(skimage.data.chelsea()[40:136, 100:228])
    photo.save(tmp_path / "photo.png")
    photo.save(tmp_path / "photo.jpg")
    (tmp_path / "painted.png").write_bytes(to_file(np.eye(8, dtype=np.uint8) * 255))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["README.md", "docs/ordinary.md"])
@pytest.mark.usefixtures("folder")
def test_the_commands_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    named = [words[3:] for words in documented_commands([ROOT / page]) if words[2:3] == ["semcomp"]]
    assert len(named) > 3
    for words in named:
        assert main(words) == 0, capsys.readouterr().err
        if words[0] in ("compress", "decompress"):
            assert Path(words[2]).stat().st_size > 0


def test_the_programs_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    programs = blocks(ROOT / "README.md", "python")
    assert programs
    for code in programs:
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.endswith("(12, 16)\n")
    assert (folder / "photo.semc").stat().st_size > 0


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {word for words in documented_commands() if words[0] == "make" for word in words[1:]}
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize(
    "words",
    [pytest.param(w, id=" ".join(w[2:5])) for w in documented_commands() if w[1:2] == ["-m"]],
)
def test_documented_python_commands_exist(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package, *rest = words[2:]
    subcommands = rest[:1]
    if subcommands in (["train"], ["blind"]):  # groups: `train codec`
        subcommands = rest[:2]
    assert (ROOT / package / "__init__.py").exists()
    if not (ROOT / package / "__main__.py").exists():
        pytest.skip(f"{package}/__main__.py is still to be written")
    # Wide and plain, so that the help wraps and colours nothing.
    for name, value in {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [package, *subcommands, "--help"])
    # run_module warns when an earlier test has imported the module it is about to run.
    monkeypatch.delitem(sys.modules, f"{package}.__main__", raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(package, run_name="__main__")
    assert end.value.code in (0, None)
    help_text = capsys.readouterr().out
    options = {word.split("=")[0] for word in rest if word.startswith("--")}
    missing = sorted(option for option in options if option not in help_text)
    assert not missing, f"{package} {subcommands} does not offer {missing}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing, f"{page.name} links to {missing}"
