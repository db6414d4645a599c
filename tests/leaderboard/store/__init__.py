"""Tests of `leaderboard/store`."""
