"""The steps of the story in worker/flow.py, one file each."""
