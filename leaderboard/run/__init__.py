"""Measuring: codec × picture × quality, in processes, kept, committed and checked."""
