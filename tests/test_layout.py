"""Holds the layout: who may import whom, what stands at the top, what the README promises."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent

# Modules of semcomp, each importing only from those before it. A new module gets its place here;
# the list may name modules that are still to be written.
ORDER = [
    "files",
    "threads",
    "parts",
    "image",
    "semantic_map",
    "classifiers",
    "semantic",
    "lagrangian",
    "allocation",
    "metrics",
    "overlap",
    "quantizer",
    "recurrence",
    "codec",
    "embedded_codec",
    "one_pass_codec",
    "paper_codec",
    "features",
    "entropy",
    "range_coder",
    "grid_coder",
    "varint",
    "signatures",
    "bitstream",
    "weights",
    "runtime",
    "distortion",
    "measure",
    "planning",
    "pipeline",
    "bench_rows",
    "bench",
    "draw",
    "explanation",
    "demo",
    "training",
    "command_options",
    "compress_commands",
    "decompress_commands",
    "commands",
    "train_commands",
    "classifier_command",
    "load_command",
    "tour_command",
    "__main__",
]

# What may stand at the top of the repository.
TOP_LEVEL = {
    ".ci",
    ".dockerignore",
    ".gitattributes",
    ".gitignore",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "app.py",
    "assets",
    "leaderboard",
    "pyproject.toml",
    "requirements.txt",
    "semcomp",
    "tests",
}


def imported_modules(source: str, package: str) -> set[str]:
    """Full names of what `source`, a module inside `package`, imports anywhere in its text.

    `from a.b import c` gives `a.b.c`, so that a submodule fetched that way is seen; relative
    imports are resolved against `package`.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{stem}.{alias.name}" for alias in node.names)
    return found


def modules_of(package: str) -> list[tuple[str, set[str]]]:
    """(path below the package without suffix, imported names) of every module of a package."""
    result = []
    for path in sorted((ROOT / package).rglob("*.py")):
        inside = path.relative_to(ROOT)
        imports = imported_modules(path.read_text(encoding="utf-8"), ".".join(inside.parts[:-1]))
        result.append((inside.relative_to(package).with_suffix("").as_posix(), imports))
    return result


def is_module(name: str) -> bool:
    """Whether semcomp has a module or subpackage of this name."""
    folder = ROOT / "semcomp"
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def order_problem(module: str, imported: str) -> str | None:
    """What is wrong with `module` of semcomp importing `imported`, or None."""
    parts = imported.split(".")
    if parts[0] != "semcomp":
        return None
    target = parts[1] if len(parts) > 1 else ""
    if target == "__version__":
        return None
    if target not in ORDER:
        if is_module(target):
            return f"semcomp/{target}: give it its place in ORDER of tests/test_layout.py"
        return f"semcomp/{module} imports {imported}: import from the module that defines it"
    own = module.split("/")[0]
    if own == target or ORDER.index(target) < ORDER.index(own):
        return None
    return f"semcomp/{module} imports {imported}, which stands after it in ORDER"


def test_every_semcomp_module_has_its_place() -> None:
    names = {module.split("/")[0] for module, _ in modules_of("semcomp")} - {"__init__"}
    unknown = sorted(names - set(ORDER))
    assert not unknown, f"add to ORDER in tests/test_layout.py, at its place: {unknown}"


def test_semcomp_imports_only_from_earlier_modules() -> None:
    problems = [
        problem
        for module, imports in modules_of("semcomp")
        if module.split("/")[0] in ORDER
        for imported in sorted(imports)
        if (problem := order_problem(module, imported))
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("package", "forbidden"), [("semcomp", {"leaderboard", "app"}), ("leaderboard", {"app"})]
)
def test_packages_do_not_import_upwards(package: str, forbidden: set[str]) -> None:
    problems = [
        f"{package}/{module} imports {imported}"
        for module, imports in modules_of(package)
        for imported in sorted(imports)
        if imported.split(".")[0] in forbidden
    ]
    assert not problems, "\n".join(problems)


def test_imported_modules_sees_every_form() -> None:
    source = """
import semcomp.codec as c
from semcomp import image
from . import allocation
from .entropy import Coder
def late():
    from ..leaderboard import run
"""
    assert imported_modules(source, "semcomp") == {
        "semcomp.codec",
        "semcomp.image",
        "semcomp.allocation",
        "semcomp.entropy.Coder",
        "leaderboard.run",
    }


def test_order_problem_tells_right_from_wrong() -> None:
    assert order_problem("codec", "semcomp.image.pad_image") is None
    assert order_problem("training/data", "semcomp.training.loop") is None
    assert order_problem("codec", "numpy.semcomp") is None
    assert "stands after" in str(order_problem("image", "semcomp.codec"))
    assert "defines it" in str(order_problem("image", "semcomp.compress"))


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
    assert hosted == project["dependencies"] + project["optional-dependencies"]["hosting"]


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
    gradio = next(r for r in map(Requirement, pyproject()["dependencies"]) if r.name == "gradio")
    assert header["sdk_version"] in gradio.specifier


def test_nothing_stray_at_the_top() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    stray = sorted({line.split("/")[0] for line in listed.splitlines()} - TOP_LEVEL)
    assert not stray, f"place these in a folder or add them to TOP_LEVEL: {stray}"


def readme_commands() -> list[list[str]]:
    """The README's shell commands, one list of words each, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_readme_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {word for words in readme_commands() if words[0] == "make" for word in words[1:]}
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize(
    "words",
    [pytest.param(w, id=" ".join(w[2:5])) for w in readme_commands() if w[1:2] == ["-m"]],
)
def test_readme_python_commands_exist(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package, *rest = words[2:]
    subcommands = rest[:1]
    if subcommands == ["train"]:  # a group: `train codec`
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
