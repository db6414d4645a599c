"""From results to curves, BD-rates, tables and figures."""
