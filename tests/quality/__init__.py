"""What is said of the code itself: its rooms, its sizes, its names."""
