"""Requests, vehicles and plans: feasibility, insertion and an independent verifier."""
