"""The programs as real processes, seen only from outside: messages, views, control routes, output, exit codes."""

import pytest

# So that what they assert is explained like what a test asserts; before anybody imports them.
pytest.register_assert_rewrite(
    *(f"tests.e2e.{name}" for name in ("house", "load", "oracle", "program", "secrecy", "stage"))
)
