"""Hostile submissions, each with the message that it must get."""

from __future__ import annotations

from tests.hostile_archives import ARCHIVES
from tests.hostile_cases import Hostile
from tests.hostile_files import FILES
from tests.hostile_methods import METHODS
from tests.hostile_payloads import PAYLOADS
from tests.hostile_results import RESULTS

CORPUS: list[Hostile] = [*RESULTS, *FILES, *METHODS, *ARCHIVES, *PAYLOADS]
"""All of them; no two have a name in common."""
