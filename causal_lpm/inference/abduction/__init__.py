"""The luck and the parameters of an observed epidemic, and what would have become of it."""
