"""New Zealand by district, age and ethnicity: COVID-19 in 2021 and measles."""
