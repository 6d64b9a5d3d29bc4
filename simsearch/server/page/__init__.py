"""The page for people: templates, one stylesheet, one script, and messages. No build, nothing foreign.

`routes.mount` adds it to the application of a worker.
"""
