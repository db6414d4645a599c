"""Tests of `demo.inspect`."""
