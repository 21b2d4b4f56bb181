"""The client that other services install: alone, with its double, and against the language that the worker speaks."""
