"""The command line."""

from causal_lpm.cli.party_commands import app

__all__ = ["app"]
