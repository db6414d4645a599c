"""The tab where a visitor paints what matters."""
