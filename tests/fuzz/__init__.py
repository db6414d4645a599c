"""Hostile input by the thousand: `python -m tests.fuzz --minutes 2`. Not part of the test run."""
