"""Tests of `leaderboard/codecs`."""
