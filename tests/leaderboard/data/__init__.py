"""Tests of data sets and results files."""
