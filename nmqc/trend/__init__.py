"""Trends: baselines, control charts, changes and drifts of series of values. They inform; limits decide."""
