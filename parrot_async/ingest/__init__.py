"""Documents become chunks, vectors, and rows of pgvector that answer questions."""
