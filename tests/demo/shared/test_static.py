"""The browser's files: every one is used, and every script is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from semcomp.demo.compress import viewer
from semcomp.demo.inspect import blocks
from semcomp.demo.shared import look
from semcomp.demo.shared.static import static
from tests import ROOT

FOLDERS = [ROOT / "semcomp" / "demo" / "static", ROOT / "leaderboard" / "pages" / "static"]
FILES = [path for folder in FOLDERS if folder.is_dir() for path in sorted(folder.iterdir())]
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
NODE = shutil.which("node")


def test_every_file_is_read_somewhere() -> None:
    sources = [*(ROOT / "semcomp" / "demo").rglob("*.py"), *(ROOT / "leaderboard").rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    names = set(re.findall(r"static\(\s*[\"']([\w.]+)[\"']", text))
    assert {path.name for path in FILES} == names


@pytest.mark.skipif(NODE is None, reason="checking scripts needs Node.js: install it")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_one(path: Path, tmp_path: Path) -> None:
    """Scripts are bodies of functions that Gradio makes, some after `radios.js`."""
    text = path.read_text(encoding="utf-8")
    if path.name in ("blocks.js", "flip.js"):
        text = static("radios.js") + text
    body = tmp_path / path.name
    body.write_text(f"async (element, props, trigger, watch, server) => {{\n{text}\n}};\n")
    check = subprocess.run(
        [str(NODE), "--check", str(body)], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".css"])
def test_a_style_sheet_s_rules_are_closed(path: Path) -> None:
    bare = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert bare.count("{") == bare.count("}") > 0


def test_no_place_is_left_open() -> None:
    panel = blocks.build_panel("panel", "Nothing yet.")
    for text in (viewer.css(), panel.js_on_load, panel.html_template, look.CSS, look.JS):
        assert text and not re.search(r"@[A-Z]+@", text)
