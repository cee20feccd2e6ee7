"""A model and its data as a problem of inference."""
