"""Simulators of the payment providers, strict enough to stand in for the real ones.

`sandbox.Sandbox` is pure: a request goes in, a reply comes out, the books are in memory and the
clock is an argument. `server.serve` puts it on a port. Nothing here is shared with the code that
calls providers, so a mistake in one cannot hide the same mistake in the other.
"""
