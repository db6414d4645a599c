"""Tests of `demo.lesson`."""
