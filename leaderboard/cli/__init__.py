"""The commands of `python -m leaderboard`, one module for each group."""
