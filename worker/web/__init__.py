"""The HTTP role: what providers tell by themselves, and what operators' tools ask."""
