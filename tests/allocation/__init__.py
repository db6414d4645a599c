"""Tests of `allocation`."""
