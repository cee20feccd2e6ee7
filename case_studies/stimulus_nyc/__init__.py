"""New York City, autumn 2020 to spring 2021: answers of a language model against people, and what $500 would do."""
