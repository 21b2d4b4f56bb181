"""The programs as real processes, seen only from outside: messages, views, control routes, output, exit codes."""

import pytest

# So that what they assert is explained like what a test asserts; before anybody imports them.
pytest.register_assert_rewrite("tests.e2e.load", "tests.e2e.program", "tests.e2e.secrecy", "tests.e2e.stage")
