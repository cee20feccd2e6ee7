"""Two markets of agents: which gradient calibrates one, and whether a transaction tax calms it."""
