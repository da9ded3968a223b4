"""What leaves the service as files, for planners, the council and other systems."""
