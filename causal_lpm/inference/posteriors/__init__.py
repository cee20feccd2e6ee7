"""Posteriors that answer for any data set."""
