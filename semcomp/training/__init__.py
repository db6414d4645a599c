"""Training: data, quantizer design, codec trainer, entropy-table fitting."""
