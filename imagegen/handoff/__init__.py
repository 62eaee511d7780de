"""Hand-off: pictures of models without an API go to a person and come back.

slots.py      the pictures of a manifest that a person makes, each with its line to paste
sheets.py     slots -> prompts.txt, prompts.csv, prompts.html
folder.py     a folder of downloads -> what each file is, and the prompt that it carries
carried.py    the bytes of a picture -> the prompts written into it
names.py      file names -> the words of a prompt, an id, a code
matching.py   files and slots -> which file is whose, by what evidence. Pure
memory.py     what was exported last, so that an import need not be told again
work.py       export and import, as the command line asks for them
"""
