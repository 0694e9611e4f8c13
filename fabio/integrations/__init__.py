"""fabio inside other programs."""
