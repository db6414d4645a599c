"""Training of the codec: data, quantizer design, trainer, entropy tables, export."""
