"""Tests of `leaderboard/studies`."""
