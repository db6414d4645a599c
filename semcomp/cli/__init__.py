"""The commands of `python -m semcomp`, one module for each group."""
