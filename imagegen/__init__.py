"""imagegen: a file of prompts in, pictures out, each paid for once."""

__version__ = "0.1.0"
