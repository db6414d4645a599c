"""Tests of `coding`."""
