"""What several tabs use: results, words, style, components."""
