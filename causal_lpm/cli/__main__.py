"""`python -m causal_lpm.cli`."""

from causal_lpm.cli import app

app()
