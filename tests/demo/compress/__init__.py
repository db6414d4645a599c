"""Tests of `demo.compress`."""
