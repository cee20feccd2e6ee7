"""Policy questions under a posterior: predictions, effects, rankings."""
