"""The clients of providers against the simulated ones, in this process and over real sockets."""
