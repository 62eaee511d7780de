"""What a GPU has to compute for a picture, and how long that should take. Arithmetic: nothing is measured here."""
