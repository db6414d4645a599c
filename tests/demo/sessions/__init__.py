"""Tests of `demo.sessions`."""
