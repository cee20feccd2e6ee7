"""Policy questions to a calibrated model."""
