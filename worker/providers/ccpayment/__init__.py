"""CCPayment, API version 2."""
