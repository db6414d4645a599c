"""Scores by other programs: what they are given, what is read of them, what to install."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from leaderboard.__main__ import main
from leaderboard.metrics.extras import EXTRAS, extra_score
from semcomp.errors import MetricError

ORIGINAL = np.ascontiguousarray(data.chelsea()[100:200, 100:220])
SAYS = {
    "butteraugli": "print('2.500000')",
    "ffmpeg": "print('[Parsed_libvmaf] VMAF score: 87.25', file=sys.stderr)",
    "cvvdp": "print('9.1234')",
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on the path; FFmpeg comes from there too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    """An executable that first opens the pictures it is given."""
    opens = "[open(each, 'rb').read(8) for each in sys.argv if each.endswith('.png')]"
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\nassert len({opens}) == 2\n{text}\n")
    path.chmod(0o755)


def test_what_the_programs_say_is_read(programs: Path) -> None:
    for name, text in SAYS.items():
        program(programs, name, text)
    scores = {name: extra_score(name, ORIGINAL, ORIGINAL)[0] for name in EXTRAS}
    assert scores == {"butteraugli": 2.5, "vmaf": 87.25, "cvvdp": 9.1234}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("butteraugli", "apt-get install butteraugli"),
        ("vmaf", "pip install imageio-ffmpeg"),
        ("cvvdp", "pip install cvvdp"),
        ("ssim3", "no extra score 'ssim3': there are butteraugli, vmaf, cvvdp"),
    ],
)
def test_what_is_missing_is_told(programs: Path, name: str, how: str) -> None:
    with pytest.raises(MetricError, match=how):
        extra_score(name, ORIGINAL, ORIGINAL)


def test_programs_that_fail_are_named(programs: Path) -> None:
    program(programs, "butteraugli", "sys.exit('no colours')")
    with pytest.raises(MetricError, match="butteraugli has failed: no colours"):
        extra_score("butteraugli", ORIGINAL, ORIGINAL)
    program(programs, "cvvdp", "print('sorry')")
    with pytest.raises(MetricError, match="no score in what the program says: 'sorry"):
        extra_score("cvvdp", ORIGINAL, ORIGINAL)


def test_the_command_scores_a_pair(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(programs, "butteraugli", SAYS["butteraugli"])
    Image.fromarray(ORIGINAL).save(programs / "a.png")
    Image.fromarray(ORIGINAL).save(programs / "b.jpg", quality=30)
    Image.fromarray(ORIGINAL[1:]).save(programs / "c.png")
    pair = [str(programs / "a.png"), str(programs / "b.jpg")]
    assert main(["score", *pair, "--extra", "butteraugli"]) == 0
    said = capsys.readouterr().out
    assert "MS-SSIM: not available\n" in said and "\nbutteraugli: 2.5" in said
    for line in ("PSNR: ", "SSIMULACRA2: ", "LPIPS: 0."):
        assert line in said
    assert main(["score", pair[0], str(programs / "c.png")]) == 1
    assert "differ in size: 120x100 and 120x99" in capsys.readouterr().err
    assert main(["score", *pair, "--extra", "vmaf"]) == 1
    assert "pip install imageio-ffmpeg" in capsys.readouterr().err
