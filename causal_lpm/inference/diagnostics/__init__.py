"""Diagnostics that can say no: gates over arrays of draws, ranks and series, and the report that gathers them."""
