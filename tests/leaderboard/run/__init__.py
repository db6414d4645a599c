"""Tests of `leaderboard/run`."""
