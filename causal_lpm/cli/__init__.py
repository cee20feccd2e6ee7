"""The command line."""

from causal_lpm.cli.page_commands import app

__all__ = ["app"]
