"""Promises of `imagegen run`, held by the real program from end to end."""
