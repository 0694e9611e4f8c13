"""Faults between the core and its shell: small named things, scripted by a file or drawn from a seed."""
