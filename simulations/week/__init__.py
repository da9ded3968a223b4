"""A week of service in minutes: the real processes, used from outside, with everything failing."""
