"""The present: wake-ups, positions, live notices through Redis; the web's way to the worker."""
