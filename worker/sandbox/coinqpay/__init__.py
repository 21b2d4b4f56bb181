"""The simulated CoinQ Pay, written from the provider's documents alone."""
