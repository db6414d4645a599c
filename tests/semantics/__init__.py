"""Tests of `semantics`."""
