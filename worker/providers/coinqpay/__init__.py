"""CoinQ Pay, API version 1."""
