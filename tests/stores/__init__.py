"""Tests of the stores; `contract` is what each of them must pass."""
