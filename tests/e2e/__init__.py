"""The programs as real processes, seen only from outside: messages, views, control routes, output, exit codes."""
