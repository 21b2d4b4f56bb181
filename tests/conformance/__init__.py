"""One suite for every provider in the registry: the worker's own client against the sandbox, over real HTTP."""
