"""The tab "Which is closer?"."""
