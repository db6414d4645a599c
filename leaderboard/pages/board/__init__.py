"""The tab of the board: rankings, curves, pictures at equal bytes."""
