"""What the author of a job writes with: `@job`, options, plans, and `current_job()` in a body.

It runs wherever jobs are written, submitted or run; users import its names from `parrot_async`.
"""
