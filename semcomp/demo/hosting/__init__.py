"""The demo as a server: settings, limits, turns, addresses, endpoints for programs."""
