"""Tests of devstack: each starts real servers from a clone of its own."""
