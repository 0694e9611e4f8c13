"""The journal after kills, cuts, flips, full drives and lost power."""
