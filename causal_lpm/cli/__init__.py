"""The command line."""

from causal_lpm.cli.commands import app

__all__ = ["app"]
