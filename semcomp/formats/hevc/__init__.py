"""One HEVC intra picture, as BPG and HEIC carry it: encoded, taken apart, decoded."""
