"""A published day of requests, dispatched by our engine in the rules of other simulators."""
