"""Reconcile: what a provider says it has and did, against the ledger. Differences are told, nothing is booked."""
