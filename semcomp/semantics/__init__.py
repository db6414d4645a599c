"""Where a picture means something: classifiers, and the maps made with them or by hand."""
