"""Training of the paper's classifier: labelled pictures, trainer, export."""
