"""That no secret gets out."""
