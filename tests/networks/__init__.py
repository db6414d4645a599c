"""Tests of `networks`."""
