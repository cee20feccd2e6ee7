"""Text and bytes: numbers, dates and tables as they are typed, files that are whole or not there."""
