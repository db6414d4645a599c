"""Shared fixtures: the Kodak pictures, a Chromium and a browser driven through Playwright."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ("tests.support.databases",)


# Set before any test imports numpy, torch or gradio, which read them once. One thread per process
# is quickest for the small tensors of the tests and makes float sums the same on every machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

# No example has to be quick: a busy machine, or compiling at the first call, is no fault.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# No test touches the board of whoever runs them.
_BOARD = tempfile.TemporaryDirectory(prefix="semcomp-board-")
os.environ["SEMCOMP_DATA_DIR"] = _BOARD.name
os.environ.pop("SEMCOMP_DATABASE_URL", None)

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera of moving test pictures, and leave to use it
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of an installed Chromium; without one the test is skipped.

    With SEMCOMP_REQUIRE_BROWSER=1 (set by `.ci/run`) a missing Chromium is a failure instead.
    """
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    problem = f"no browser found ({', '.join(CHROMIUM_NAMES)}): install Debian's `chromium` package"
    if os.environ.get("SEMCOMP_REQUIRE_BROWSER") == "1":
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One headless Chromium for the session; open a `browser.new_context()` per test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path, args=list(CHROMIUM_ARGS)
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def cid22_dir() -> Path:
    """Folder of CID22's validation pictures; without it the test is skipped."""
    named = os.environ.get("SEMCOMP_CID22_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "cid22"
    if not (folder / "1025469.png").is_file():
        pytest.skip("CID22's pictures are not here: set SEMCOMP_CID22_DIR to their folder")
    return folder


@pytest.fixture(scope="session")
def kodak_dir() -> Path:
    """Folder of the Kodak pictures `kodimNN.png`; without it the test is skipped."""
    named = os.environ.get("SEMCOMP_KODAK_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "kodak"
    if not (folder / "kodim01.png").is_file():
        if named:
            pytest.fail(f"SEMCOMP_KODAK_DIR={named} holds no kodim01.png")
        pytest.skip("the Kodak pictures are not here: set SEMCOMP_KODAK_DIR to their folder")
    return folder
