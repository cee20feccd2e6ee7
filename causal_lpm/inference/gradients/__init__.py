"""Gradients of expected outcomes, and how far they are off."""
