"""The leaderboard's tabs in the demo, and what they share."""
