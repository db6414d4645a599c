"""Who gets how many iterations: levels of every block from a map, a budget, rate and distortion."""
