"""What it adds up to: overview, runtime status, budgets, analytics."""
