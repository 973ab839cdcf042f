"""The live view in a real Chromium, on real Jupyter servers, with a real cluster."""
