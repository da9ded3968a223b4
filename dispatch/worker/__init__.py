"""The dispatcher process: the one writer of a service area, and how it comes to be the one."""
