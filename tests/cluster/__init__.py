"""Several workers, brokers and databases: processes are killed under load, and all books agree in the end."""

import pytest

# So that what they assert is explained like what a test asserts; before anybody imports them.
pytest.register_assert_rewrite(
    *(f"tests.cluster.{name}" for name in ("crew", "load", "scene")),
    *(f"tests.e2e.{name}" for name in ("client", "oracle", "program", "stage")),
)
