"""The board's database: entries with their files, decisions, history and scoring jobs.

Other modules use `leaderboard.store.database` alone.
"""
