"""Delaying the second vaccine dose: a reproduction, and the question answered with shared luck."""
