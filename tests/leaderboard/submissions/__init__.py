"""Tests of `leaderboard/submissions`."""
