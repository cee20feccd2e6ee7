"""New York City's first wave: five boroughs calibrated, forecast, and asked about an earlier or later order."""
