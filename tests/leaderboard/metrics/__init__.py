"""Tests of the scores that follow what people see."""
