"""Tests of `leaderboard/pages`."""
