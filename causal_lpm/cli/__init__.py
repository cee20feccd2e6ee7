"""The command line."""

from causal_lpm.cli.new_commands import app

__all__ = ["app"]
