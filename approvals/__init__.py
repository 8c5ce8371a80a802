"""How each request to spend gets its answer."""
