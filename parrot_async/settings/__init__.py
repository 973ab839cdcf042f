"""What the environment of a process tells it: places, limits, and the faults that a test arms.

Runs in every process. Anybody may ask; it asks nobody.
"""
