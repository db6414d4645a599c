"""BPG written and read: a thin header over one HEVC intra picture."""
