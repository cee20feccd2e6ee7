"""A slow test with few false positives, or a fast one with many: infections, deaths and needless quarantine."""
