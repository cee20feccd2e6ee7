"""Simulations in blocks: by any executor, kept on disk, resumed."""
