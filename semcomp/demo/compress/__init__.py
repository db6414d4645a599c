"""The tab that compresses a picture, its viewer and what stands beside it."""
