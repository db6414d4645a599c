"""Tests of `demo.paint`."""
