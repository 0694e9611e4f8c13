"""Whole agents at a simulated gateway in virtual time: what happens to them, and what must hold."""
