"""Scores of submitted files: decoded in a bounded process, measured by the benchmark's own code."""
