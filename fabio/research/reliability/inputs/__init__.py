"""Bad input on every surface: mutated bytes, and ticks that are not true."""
