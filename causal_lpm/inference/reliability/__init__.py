"""How much answers of a language model are worth, as real behaviour shows."""
