"""Stands here so that pytest puts this folder on the import path: tests of every room may `import views`."""

from hypothesis import settings

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before anything imports numba

# no deadline: the first call of a kernel compiles it, and machines are shared
settings.register_profile("fabio", deadline=None)
settings.load_profile("fabio")
