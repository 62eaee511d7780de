"""The nouns: frozen values that every other part speaks in. No files, clock, network or environment."""
