"""The codecs: their protocol, presets, quantizer and networks, run on whole pictures."""
