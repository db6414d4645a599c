"""Tests of what hosts need: Dockerfile, head of the Space, borrowed GPUs, documented settings."""

from __future__ import annotations

import ast
import fnmatch
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.specifiers import SpecifierSet

from semcomp.demo.hosting import server
from semcomp.demo.hosting.settings import Settings, SettingsError
from tests import ROOT
from tests.test_layout import gradio_requirement, pyproject

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))


def instructions(name: str) -> list[str]:
    """The arguments of every instruction of this name in the Dockerfile."""
    return re.findall(rf"^{name}\s+(.*)$", DOCKERFILE, flags=re.MULTILINE)


def environment() -> dict[str, str]:
    """What the Dockerfile sets."""
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in line.split())


def space_head() -> dict[str, str]:
    """The head of the README that a hosted Space reads."""
    lines = README.split("---")[1].strip().splitlines()
    return {name: value.strip('"') for name, value in (line.split(": ", 1) for line in lines)}


# the container


def copied() -> list[str]:
    """What the Dockerfile copies from the repository."""
    return [path for line in instructions("COPY") for path in line.split()[:-1]]


def test_what_the_container_copies_is_there_and_enough() -> None:
    for path in copied():
        assert (ROOT / path).exists(), path
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    froms = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    imported = {name.split(".")[0] for name in froms if name}
    own = {name for name in imported if (ROOT / name).is_dir()}
    assert own and own <= set(copied())
    assert {"assets", "app.py", "requirements.lock"} <= set(copied())


def test_the_ignored_are_not_what_the_container_copies() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for path in copied():
        ignored = False
        for rule in (line for line in rules if line and not line.startswith("#")):
            if fnmatch.fnmatch(path, rule.lstrip("!")):
                ignored = not rule.startswith("!")
        assert not ignored, path


def test_the_container_listens_where_it_says_and_is_asked_there() -> None:
    port = environment()["GRADIO_SERVER_PORT"]
    assert environment()["GRADIO_SERVER_NAME"] == "0.0.0.0"
    assert instructions("EXPOSE") == [port]
    (check,) = instructions("HEALTHCHECK")
    command = json.loads(check.split("CMD ", 1)[1])
    ast.parse(command[2])
    assert f"http://127.0.0.1:{port}/health" in command[2]
    assert json.loads(instructions("CMD")[-1]) == ["python", space_head()["app_file"]]
    assert f"docker run -p {port}:{port}" in PAGE


def test_the_container_runs_as_nobody_special_and_keeps_one_folder() -> None:
    (user,) = instructions("USER")
    assert user not in ("root", "0")
    made = " ".join(instructions("RUN"))
    (volume,) = instructions("VOLUME")
    assert f"useradd --create-home --uid 1000 {user}" in made
    assert f"chown {user} {volume}" in made and environment()["SEMCOMP_CACHE_DIR"] == volume
    order = [line.split()[0] for line in DOCKERFILE.splitlines() if line and line[0].isupper()]
    assert order.index("USER") > max(i for i, word in enumerate(order) if word in ("RUN", "COPY"))


def test_the_container_s_python_is_one_the_project_supports() -> None:
    (image,) = instructions("FROM")
    version = image.split(":")[1].split("-")[0]
    assert version in SpecifierSet(pyproject()["requires-python"])
    assert version == space_head()["python_version"]


def test_the_container_installs_by_hashes_alone() -> None:
    (install,) = (line for line in instructions("RUN") if "pip install" in line)
    assert "--require-hashes" in install and install.endswith("-r requirements.lock")


# the Space


def test_the_space_s_head_is_complete() -> None:
    head = space_head()
    required = {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file"}
    assert required | {"license", "short_description", "python_version"} <= set(head)
    assert (ROOT / head["app_file"]).is_file()
    assert head["license"] == pyproject()["license"].lower()
    assert len(head["short_description"]) <= 60, "a Space shows no more"
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {head["colorFrom"], head["colorTo"]} <= colours


def test_tools_are_among_the_dependencies() -> None:
    assert "mcp" in gradio_requirement().extras


# borrowed GPUs

FAKE_SPACES = '''
"""Stands for Hugging Face's `spaces`: work done on a borrowed GPU crosses into another process."""
import functools, pickle, sys

early = "torch" not in sys.modules
borrowed = []

def GPU(function=None, duration=60):
    if function is None:
        return functools.partial(GPU, duration=duration)
    @functools.wraps(function)
    def there(*arguments):
        borrowed.append((function.__name__, duration))
        given = pickle.loads(pickle.dumps(arguments))
        return pickle.loads(pickle.dumps(function(*given)))
    return there

def gradio_auto_wrap(function):
    return function
'''


@pytest.fixture
def with_spaces(tmp_path: Path) -> Path:
    """A folder with a package `spaces` that stands for the real one."""
    (tmp_path / "spaces.py").write_text(FAKE_SPACES)
    return tmp_path


def _said(code: str, with_spaces: Path) -> str:
    """What a program prints that gets the folder's name."""
    run = subprocess.run(
        [sys.executable, "-c", code, str(with_spaces)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_gpu_is_borrowed_for_the_model_s_work_only(with_spaces: Path) -> None:
    code = dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        import gradio as gr
        from semcomp.demo.hosting import endpoints
        from semcomp.demo.shared import events
        import spaces
        assert spaces.early, "spaces has to come before torch"
        import skimage.data
        from PIL import Image
        picture = sys.argv[1] + "/photo.png"
        Image.fromarray(skimage.data.chelsea()[40:104, 100:164]).save(picture)
        progress = lambda *a, **k: None
        file, record = endpoints.compress(
            {"path": picture}, 2, "uniform", "", 0, "classifier", 1, [], "semc", 0, gr.Progress()
        )
        decoded, facts = endpoints.decompress({"path": file}, 24, gr.Progress())
        assert decoded.size == (64, 64) and record["bytes"] == facts["bytes"]
        scores = endpoints.score({"path": picture}, {"path": picture})
        assert scores["psnr"] is None
        names = [name for name, _ in spaces.borrowed]
        assert names == ["compress", "decompress", "score"], names
        assert all(0 < seconds <= 120 for _, seconds in spaces.borrowed)
        print("borrowed")
        """
    )
    assert _said(code, with_spaces) == "borrowed"


def test_every_part_that_decodes_borrows_a_gpu(with_spaces: Path) -> None:
    code = dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from semcomp.demo.hosting import endpoints
        from semcomp.demo.inspect import score
        from semcomp.demo.shared import events
        from leaderboard.pages.board import pictures
        borrowing = (
            events.decode_on_gpu, pictures.decode_on_gpu, score.compare,
            endpoints.compress, endpoints.decompress, endpoints.explain, endpoints.score,
        )
        print("bare:", *(f.__name__ for f in borrowing if not hasattr(f, "__wrapped__")))
        """
    )
    assert _said(code, with_spaces) == "bare:"


# settings


def documented() -> dict[str, str]:
    """Variables of the page's table of settings, with what it says of their default."""
    rows = re.findall(r"^\| `(SEMCOMP_\w+)` \| (.*?) \|", PAGE, flags=re.MULTILINE)
    return dict(rows)


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    read = {f"SEMCOMP_{name.upper()}" for name in Settings.model_fields}
    for folder in ("semcomp", "leaderboard"):
        for path in (ROOT / folder).rglob("*.py"):
            read |= set(re.findall(r"\bSEMCOMP_[A-Z0-9_]+\b", path.read_text(encoding="utf-8")))
    assert set(documented()) == read


def test_the_documented_defaults_are_the_defaults() -> None:
    for name, field in Settings.model_fields.items():
        if field.default != "":  # what is no number is described
            assert documented()[f"SEMCOMP_{name.upper()}"] == f"{field.default:,}"


def _refused_start(tmp_path: Path, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "SEMCOMP_DATA_DIR": str(tmp_path), **environment},
    )
    assert run.returncode == 1 and "Traceback" not in run.stderr
    return run.stderr.strip().splitlines()[-1]


def test_a_taken_port_stops_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = _refused_start(tmp_path, GRADIO_SERVER_PORT=port)
    assert said == f"error: port {port} is taken, or none: choose another with GRADIO_SERVER_PORT"


def test_a_folder_that_uploads_cannot_go_to_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = _refused_start(tmp_path, GRADIO_TEMP_DIR=str(tmp_path / "file" / "uploads"))
    assert said.startswith("error: uploads cannot be kept in") and "GRADIO_TEMP_DIR" in said


def test_uploads_go_to_no_folder_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    folder = tmp_path / "uploads"
    server.check_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(SettingsError, match=r"another user's.*GRADIO_TEMP_DIR"):
        server.check_folder(folder)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy_stands_between_the_page_and_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(each, "")
    monkeypatch.setenv(name, "example.org")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.leave_proxies_out()
    assert urllib.request.proxy_bypass("127.0.0.1:7860")
    assert urllib.request.proxy_bypass("localhost:7860")
    assert urllib.request.proxy_bypass("example.org")
    assert not urllib.request.proxy_bypass("example.com")


def test_a_wrong_setting_stops_the_start(tmp_path: Path) -> None:
    said = _refused_start(tmp_path, SEMCOMP_QUEUE="many")
    assert said.startswith("error: SEMCOMP_QUEUE='many'")
