"""Measurements on this machine, side by side in one run: `make bench`. Figures of different runs do not compare."""
