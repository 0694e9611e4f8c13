"""What must hold whatever happens, measured: each release bar is a function of how often to try."""
