"""What each command holds, what it asks of a provider, and which ledger lines its success makes."""
