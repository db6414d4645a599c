"""Tests of the packages, in folders of the same names; `support` has what they share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
