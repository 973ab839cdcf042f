"""Local clusters, and other people's."""
