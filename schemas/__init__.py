"""The language of the ledger worker: commands that services publish, events that they consume, and money."""
