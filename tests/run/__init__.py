"""Whole runs of the real program against the local server: kills, faults, signals, full disks."""
