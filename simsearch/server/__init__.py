"""HTTP for programs (`/v1`) and a page for people, beside the command line. Needs the extra `serve`.

`factory.create_app` makes the application of one worker, `supervisor` runs several. docs/server.md is for operators.
"""
