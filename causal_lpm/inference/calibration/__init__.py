"""Calibration: what data say about a model, with diagnostics that can say no."""
