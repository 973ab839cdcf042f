"""How jobs, values and calls travel between processes: the API, pickles, and big results' files.

It runs in every process, and every folder above it may call it; users do not.
"""
