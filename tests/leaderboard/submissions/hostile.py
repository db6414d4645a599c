"""Hostile submissions, each with the message that it must get."""

from __future__ import annotations

from tests.leaderboard.submissions.hostile_archives import ARCHIVES
from tests.leaderboard.submissions.hostile_cases import Hostile
from tests.leaderboard.submissions.hostile_files import FILES
from tests.leaderboard.submissions.hostile_methods import METHODS
from tests.leaderboard.submissions.hostile_payloads import PAYLOADS
from tests.leaderboard.submissions.hostile_results import RESULTS

CORPUS: list[Hostile] = [*RESULTS, *FILES, *METHODS, *ARCHIVES, *PAYLOADS]
"""All of them; no two have a name in common."""
