"""Sweeps: many runs of a scenario with other values, and what they say about service and cost."""
