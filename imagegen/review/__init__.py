"""Review: a person chooses among the drafts of pictures that wait for it. On a local page, or on the command line.

`pending` says what waits, `page` shows it, `server` serves the page; what is decided goes into the output folder, where
the next run finds it. Buys nothing.
"""
