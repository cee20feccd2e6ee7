"""Posteriors, and the summaries of data that they are told."""
