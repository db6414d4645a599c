"""The command `python -m tests.fuzz`: every target in a child process of little memory and time.

It prints what was tried and what went wrong: a crash, an input that takes too long, an error that
is no SemcompError. Each such input is saved; `--input FILE --only TARGET` tries one again, here.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from semcomp.errors import SemcompError

from .cases import TARGETS
from .harness import fuzz


def main() -> int:
    """Exit code 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="in all")
    parser.add_argument("--seed", type=int, help="number of the first input; another each time")
    parser.add_argument("--only", choices=TARGETS, help="one target")
    parser.add_argument("--input", type=Path, help="try this file and nothing else")
    folder = Path(tempfile.gettempdir()) / "semcomp-fuzz"
    parser.add_argument("--out", type=Path, default=folder, help="folder for what goes wrong")
    asked = parser.parse_args()
    targets = {asked.only: TARGETS[asked.only]} if asked.only else TARGETS
    if asked.input:
        for target in targets.values():
            try:
                target.tried(asked.input.read_bytes())
            except SemcompError as error:
                print(f"refused: {error}")
        return 0
    seed = random.randrange(1 << 32) if asked.seed is None else asked.seed
    print(f"seed {seed}")
    return int(bool(fuzz(targets, 60 * asked.minutes, asked.out, seed)))


if __name__ == "__main__":
    sys.exit(main())
