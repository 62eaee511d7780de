"""What if: the same plan bought otherwise, added up beside the estimate. Pure.

renditions.py  rows that differ only in size: one picture finished twice
gpu.py         all that a GPU of one's own could make, made there
lanes.py       the provider's half-price queue instead of waiting

Each takes the pictures of a plan one at a time and keeps none of them. Nothing here changes what `run` does.
"""
