"""Every notebook of the tutorial, executed top to bottom."""
