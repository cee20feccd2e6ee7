"""Case studies: what they are, how they run, what they leave."""
