"""Ten Massachusetts counties in 2020: four-week-ahead forecasts of deaths by gradients and by svi+npe."""
