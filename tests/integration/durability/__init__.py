"""What outlives the death of processes, and what is kept."""
