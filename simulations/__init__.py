"""Simulated clock, world, demand, scenarios and KPIs around the live engine."""
