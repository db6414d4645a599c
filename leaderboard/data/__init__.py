"""Data sets, results files, and what others published."""
