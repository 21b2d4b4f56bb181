"""What is done on a schedule, once per period by one of all the workers."""
