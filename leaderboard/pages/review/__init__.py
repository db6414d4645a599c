"""The maintainers' panel."""
