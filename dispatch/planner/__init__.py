"""The planner's desk: scenario files, and simulations that run in the background.

Everything is a file under `var/planner/`, so whatever dies, the next web process finds it all.
"""
