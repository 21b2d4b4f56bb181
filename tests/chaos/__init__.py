"""The worker killed at every step, on real PostgreSQL; and mutants of it, each of which must be caught."""
