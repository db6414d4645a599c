"""Tests of `demo.hosting`."""
