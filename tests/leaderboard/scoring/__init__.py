"""Tests of `leaderboard/scoring`."""
