"""The tab where researchers send results, and the same for programs."""
