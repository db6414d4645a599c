"""Tests of `leaderboard/blind`."""
