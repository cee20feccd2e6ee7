"""H5N1 from wild birds to farms to the price of eggs, United States, 2022-23."""
