"""Benchmark of image codecs on rate, quality and semantic importance.

Runs codecs over a data set, keeps every picture's score with the versions that made it, and turns
the results into tables, BD-rates and figures. It uses :mod:`semcomp`; :mod:`semcomp` never uses it.
"""
