"""The database alone: every SQL function, what the tables refuse, what the role may do, and how batches fold."""
