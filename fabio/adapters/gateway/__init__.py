"""The simulated TopstepX server: a core without sockets or clock, faults around it, and a thin shell."""
