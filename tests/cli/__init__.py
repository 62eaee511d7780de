"""The commands, run as the real program."""
