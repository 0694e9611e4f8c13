"""The machine: event in, step out. Order of calls, no arithmetic."""
