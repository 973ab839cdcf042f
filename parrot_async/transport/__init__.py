"""How jobs, values and calls travel between processes: the API, its wire, pickles and results.

It runs in every process; client, service and runner call it, users do not.
"""
