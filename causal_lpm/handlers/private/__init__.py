"""The same model on secret shares: several parties run it together, and only released totals come out."""
