"""Stands here so that pytest puts this folder on the import path: tests of every room may `import views`."""

import os

from hypothesis import HealthCheck, settings

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before anything imports numba

# nothing is judged by the clock: the first call of a kernel compiles it, and machines are shared;
# new examples are drawn while somebody looks, the same ones where a landing depends on it
settings.register_profile("fabio", deadline=None, suppress_health_check=[HealthCheck.too_slow],
                          derandomize="CI" in os.environ)
settings.load_profile("fabio")
