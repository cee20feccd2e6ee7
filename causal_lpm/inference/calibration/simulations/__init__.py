"""Sets of simulations: in blocks with a seed each, by any executor, kept on disk."""
