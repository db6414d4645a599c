"""Tests of `demo.batch`."""
