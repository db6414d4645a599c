"""From bits to bytes and back: context model, range coder, grid coder, the container `.semc`."""
