"""Live views in a real kernel."""
