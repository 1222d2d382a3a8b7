"""The decision point that City systems ask before they help with immigration enforcement.

A policy decision point decides and does not act: it takes the facts of one question, applies the law in force on one
day, appends a record to the decision log, and answers. `screen.py` is the whole way of a question on one page.
"""

__version__ = "0.1.0"
