"""Holds the layout: what stands at the top and in a room, what the README promises.

Who may import whom stands in pyproject.toml, for import-linter.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


# What may stand at the top of the repository.
TOP_LEVEL = {
    ".ci",
    ".dockerignore",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "app.py",
    "assets",
    "docs",
    "leaderboard",
    "pyproject.toml",
    "requirements.lock",
    "requirements.txt",
    "semcomp",
    "tests",
}


def test_folders_stay_rooms() -> None:
    for package in ("semcomp", "leaderboard", "tests"):
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            modules = sorted(path.name for path in folder.glob("*.py") if path.stem != "__init__")
            assert len(modules) <= 21, f"{folder.relative_to(ROOT)} is crowded: {modules}"


def test_import_of_semcomp_is_cheap() -> None:
    code = "import sys, semcomp; assert semcomp.__version__; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_public_names_exist() -> None:
    import semcomp

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = semcomp.no_such_name
    if not (ROOT / "semcomp" / "pipeline.py").exists():
        pytest.skip("semcomp/pipeline.py is still to be written")
    for name in semcomp.__all__:
        assert getattr(semcomp, name) is not None


def pyproject() -> dict[str, Any]:
    """The `project` table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def test_requirements_in_step_with_pyproject() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    hosted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    project = pyproject()
    extras = project["optional-dependencies"]
    parts = (
        project["dependencies"],
        *(extras[name] for name in ("demo", "leaderboard", "hosting")),
    )
    assert hosted == list(dict.fromkeys(line for part in parts for line in part))


def locked() -> dict[str, tuple[Version, list[str]]]:
    """Version and hashes of every dependency in requirements.lock, by its canonical name."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.findall(r"^([\w.-]+)==(\S+) \\\n((?: +--hash=\S+(?: \\)?\n)+)", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[^#\s]", text, re.MULTILINE)), "a line of another form"
    return {
        canonicalize_name(name): (Version(number), re.findall(r"--hash=(\S+)", hashes))
        for name, number, hashes in entries
    }


def test_the_lock_has_every_requirement_in_its_range() -> None:
    """Run `make lock` after a change of pyproject.toml."""
    lock, project = locked(), pyproject()
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"]]
    asked += [
        line for name in ("demo", "leaderboard", "hosting", "postgres") for line in extras[name]
    ]
    for requirement in map(Requirement, asked):
        assert lock[canonicalize_name(requirement.name)][0] in requirement.specifier, requirement
    for name, (_, hashes) in lock.items():
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes), name
    assert "://" not in (ROOT / "requirements.lock").read_text(), "no host belongs in it"


def test_the_lock_has_what_its_own_dependencies_require() -> None:
    """For pip is told to look for no others: checked of those that are installed here."""
    lock, checked = locked(), 0
    todo = [Requirement(line) for line in pyproject()["dependencies"]]
    todo += [Requirement("gradio[mcp,oauth]"), Requirement("psycopg[binary]"), Requirement("av")]
    seen: set[str] = set()
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        if str(asked) in seen:
            continue
        seen.add(str(asked))
        assert name in lock, asked
        with contextlib.suppress(PackageNotFoundError):
            if version(name).partition("+")[0] != lock[name][0].base_version:
                continue
            checked += 1
            for line in requires(name) or ():
                wanted = Requirement(line)
                environments = [{**CONTAINER, "extra": extra} for extra in ("", *asked.extras)]
                marker = wanted.marker
                if marker is None or any(map(marker.evaluate, environments)):
                    todo.append(wanted)
    assert checked > 20


CONTAINER = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}
"""What the container is, for the markers of requirements."""


def test_an_audit_without_an_index_is_no_failure() -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    audit = subprocess.run(
        [ROOT / ".ci" / "audit"],
        env={**os.environ, **nowhere, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert audit.returncode == 0 and audit.stdout.startswith("No audit"), audit.stderr


def test_the_codec_alone_pulls_in_no_page_and_no_database() -> None:
    names = {Requirement(line).name for line in pyproject()["dependencies"]}
    assert not names & {"gradio", "sqlalchemy", "alembic", "plotly", "pandas", "matplotlib"}


def gradio_requirement() -> Requirement:
    """What the extra `demo` asks of Gradio."""
    extra = map(Requirement, pyproject()["optional-dependencies"]["demo"])
    return next(requirement for requirement in extra if requirement.name == "gradio")


def test_gradio_is_the_one_that_was_tried() -> None:
    """The queue and the tools build on classes that Gradio does not call public."""
    installed, asked = version("gradio"), gradio_requirement().specifier
    assert installed in asked, (
        f"Gradio {installed} is installed, the extra `demo` asks for {asked}: install that one, or "
        "run tests/demo/hosting with the new one, read what changed in gradio/queueing.py and "
        "gradio/mcp.py, and move the pin in pyproject.toml, requirements.txt and the README's head"
    )
    assert not {"6.30.0", "6.32.0", "7.0.0"} & set(asked.filter(["6.30.0", "6.32.0", "7.0.0"]))


def test_torch_range_admits_the_cpu_build() -> None:
    torch = next(
        r for r in map(Requirement, pyproject()["dependencies"]) if r.name == "torch"
    ).specifier
    assert "2.13.0" in torch
    assert "2.14.0" not in torch


def test_space_header_agrees_with_pyproject() -> None:
    header = dict(
        line.split(": ", 1)
        for line in (ROOT / "README.md").read_text().split("---")[1].split("\n")
        if line
    )
    assert header["sdk"] == "gradio"
    assert header["app_file"] == "app.py"
    assert header["sdk_version"] in gradio_requirement().specifier


def test_nothing_stray_at_the_top() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    stray = sorted({line.split("/")[0] for line in listed.splitlines()} - TOP_LEVEL)
    assert not stray, f"place these in a folder or add them to TOP_LEVEL: {stray}"
