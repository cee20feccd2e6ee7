"""Influenza in a boarding school, 1978, in steps of a quarter of a day and of a day."""
