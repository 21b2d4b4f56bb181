"""The simulated CCPayment v2 account: gate, routes and books."""
