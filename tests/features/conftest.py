"""Let the assertions of this folder's modules explain themselves."""

import pytest

pytest.register_assert_rewrite("compare")
