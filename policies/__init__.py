"""The rules: documents, versions, assignments and the pure engine."""
