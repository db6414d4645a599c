"""Tests of `leaderboard/analysis`."""
