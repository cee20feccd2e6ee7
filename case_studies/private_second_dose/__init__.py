"""Three parties ask what delaying the second dose does, and nobody sees who is ill."""
