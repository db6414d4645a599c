"""The tab that compresses several pictures at once."""
