"""The page for people: templates, one stylesheet, one script, and messages. It needs no build and loads nothing foreign.

`routes.mount` adds it to the application of a worker.
"""
