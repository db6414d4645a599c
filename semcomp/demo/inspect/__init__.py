"""The tabs that look inside a file: block by block, iteration by iteration, and scores."""
