"""Training a LoRA: a folder of pictures in, a safetensors file out that every row may wear. Begin with loop.py.

    dataset -> plan -> cached -> loop -> lorawrite

Reading the folder and planning are pure and import no torch; so a price can be said before anything is installed.
"""
