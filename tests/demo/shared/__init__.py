"""Tests of `demo.shared`."""
