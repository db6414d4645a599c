"""The notebook that runs the lesson's steps, made from this text: `python -m ...lesson.notebook`.

Kept as plain cells here, so that a change shows as a change of text; `assets/lesson/lesson.ipynb`
is what `document` gives, without outputs.
"""

import json
from typing import Any

from semcomp.files import ASSETS

FILE = ASSETS / "lesson" / "lesson.ipynb"

_CELLS: tuple[tuple[str, str], ...] = (
    (
        "markdown",
        "# Semantic image compression, in eight steps\n\n"
        "The same steps as the lesson in the app, on a picture of your own. Run the cells from the "
        "top; change `PICTURE`, `LEVEL` or `SIDE` and run them again.",
    ),
    (
        "code",
        "import sys\n"
        "from pathlib import Path\n\n"
        "# The project's folder, when the notebook is opened inside it.\n"
        "for folder in [Path.cwd(), *Path.cwd().parents]:\n"
        "    if (folder / 'semcomp').is_dir():\n"
        "        sys.path.insert(0, str(folder))\n"
        "        break",
    ),
    (
        "code",
        "PICTURE = None  # a file's name; None for a sample\n"
        "LEVEL = 8  # iterations per block, on average\n"
        "SIDE = 480  # longest side in pixels",
    ),
    (
        "code",
        "import skimage.data\n"
        "from IPython.display import HTML\n\n"
        "from semcomp.demo.lesson.book import SCRIPT, STYLE\n"
        "from semcomp.demo.lesson.study import study\n"
        "from semcomp.image import load_image\n\n"
        "picture = load_image(PICTURE) if PICTURE else skimage.data.coffee()\n"
        "look = study(picture, LEVEL, side=SIDE)\n"
        "print([f'{c.name} {c.probability:.1%}' for c in look.semantic_map.top])\n\n\n"
        "def show(step):\n"
        "    return HTML(f'<style>{STYLE}</style>{step.html()}<script>{SCRIPT}</script>')",
    ),
    ("markdown", "## 1. What a picture costs"),
    (
        "code",
        "from semcomp.demo.lesson import steps_seeing\n\nshow(steps_seeing.cost(look))",
    ),
    (
        "markdown",
        "## 2. What the classifier looks at\n\n"
        "The score is a weighted sum of averages, so the map, the same sum before averaging, has "
        "the score (without its fixed term) as its mean.",
    ),
    (
        "code",
        "bias = look.seen.bias[look.class_index]\n"
        "print(f'score {look.class_score:.4f}')\n"
        "print(f'mean of the map and the fixed term {look.activation.mean() + bias:.4f}')\n"
        "show(steps_seeing.looking(look))",
    ),
    ("markdown", "## 3. How much each block matters"),
    ("code", "show(steps_seeing.importance(look))"),
    (
        "markdown",
        "## 4. Sharing out the iterations\n\n"
        "Algorithm 1 in a few lines, without the floor. Compare with the library's own.",
    ),
    (
        "code",
        "import numpy as np\n\n"
        "values = [int(v) for v in look.importance.ravel()]  # whole numbers: no rounding error\n"
        "left, levels = look.walk.trace.budget, [24] * len(values)\n"
        "still = set(range(len(values)))  # blocks below the cap\n"
        "while still:\n"
        "    total = sum(values[i] for i in still)\n"
        "    # The map may be 0 wherever there is room: then all share alike.\n"
        "    weight = {i: values[i] if total else 1 for i in still}\n"
        "    share = {i: left * weight[i] // (total or len(still)) for i in still}\n"
        "    full = {i for i in still if share[i] >= 24}\n"
        "    if not full:\n"
        "        break\n"
        "    left -= 24 * len(full)\n"
        "    still -= full\n"
        "for i in still:\n"
        "    levels[i] = share[i]\n"
        "ours = np.array(levels).reshape(look.shape)\n"
        "print('iterations left by rounding down:', look.walk.trace.budget - ours.sum())\n"
        "assert ours.sum() + look.walk.trace.remainder == look.walk.trace.budget\n"
        "assert np.abs(look.walk.levels - ours).max() <= 1",
    ),
    (
        "code",
        "from semcomp.demo.lesson import steps_coding, steps_sharing\n\n"
        "show(steps_sharing.sharing(look))",
    ),
    ("markdown", "## 5. What one iteration adds"),
    ("code", "show(steps_coding.iterations(look))"),
    (
        "markdown",
        "## 6. Where the bytes went\n\nThe file itself, and a prefix of it: both decode.",
    ),
    (
        "code",
        "from semcomp import decompress\n"
        "from semcomp.coding import bitstream\n\n"
        "data = look.semantic.data\n"
        "half = bitstream.parse(data).header.iterations // 2\n"
        "part = bitstream.truncate(data, half)\n"
        "print(len(data), 'bytes;', len(part), 'after', half, 'iterations')\n"
        "assert (np.asarray(decompress(data)) == look.semantic.decoded).all()\n"
        "show(steps_coding.spent(look))",
    ),
    ("markdown", "## 7. What the score says, and hides"),
    (
        "code",
        "from semcomp.demo.lesson import failures, steps_judging\n\n"
        "show(steps_judging.judging(look, failures.gallery(failures.verdicts())))",
    ),
    ("markdown", "## 8. How it does on 24 photographs"),
    (
        "code",
        "from leaderboard.pages.board.lesson_curves import lesson_curves\n"
        "from semcomp.demo.lesson import curves\n\n"
        "show(curves.results(lesson_curves()))",
    ),
    (
        "markdown",
        "## Your turn\n\nA map of your own under the same budget: here only the left half matters.",
    ),
    (
        "code",
        "from semcomp import compress\n"
        "from semcomp.semantics.activation import user_map\n\n"
        "height, width = look.size\n"
        "painted = np.zeros((height, width), np.uint8)\n"
        "painted[:, : width // 2] = 255\n"
        "mine = compress(look.picture, LEVEL, semantic_map=user_map(painted, height, width))\n"
        "print(len(mine.data), 'bytes')\n"
        "mine.reconstruction",
    ),
)


def document() -> dict[str, Any]:
    """The notebook, format 4.5, as plain types."""
    cells = []
    for number, (kind, text) in enumerate(_CELLS):
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": f"lesson-{number:02}",
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def text() -> str:
    """The notebook's file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
