"""The parts that need neither a database nor a network."""
