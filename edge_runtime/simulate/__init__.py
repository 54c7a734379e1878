"""Scenarios in virtual time: the governor against a simulated board, and what it is compared with."""
