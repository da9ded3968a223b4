"""A week of service in minutes: the real processes, driven from outside, with everything failing."""
