"""Tests of the codec, the leaderboard and the demo."""
