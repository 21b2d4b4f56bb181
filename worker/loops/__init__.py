"""The worker's loops, one file each: run() only loops, waits, logs and backs off; run_once() does the work."""
