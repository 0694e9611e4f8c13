"""Stands here so that pytest puts this folder on the import path: tests of every room may `import views`."""

from hypothesis import settings

# no deadline: the first call of a kernel compiles it, and machines are shared
settings.register_profile("fabio", deadline=None)
settings.load_profile("fabio")
