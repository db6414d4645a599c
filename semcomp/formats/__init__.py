"""Ordinary picture files that spend their bits by a map: every decoder opens them."""
