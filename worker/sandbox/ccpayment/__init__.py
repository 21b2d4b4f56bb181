"""The simulated CCPayment account, versions 2 and 1: gate, routes, books, and controls for tests."""
