"""The lesson: eight steps through the method on any picture, for a page, paper or a notebook."""
