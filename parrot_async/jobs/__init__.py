"""What the author of a job writes with: `@job`, options, plans, and `current_job()` in a body.

It runs in every process that writes, submits or runs jobs; users import its names from
`parrot_async`, and client and runner call the rest.
"""
