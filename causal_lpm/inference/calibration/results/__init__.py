"""The tree of ArviZ's groups that a calibration leaves, and its files."""
