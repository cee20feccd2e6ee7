"""London's first wave of 2020: what infections by age and borough depend on, and which closure helps whom."""
