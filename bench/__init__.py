"""The benchmark: what pgbench can do on this machine, what Conto does on it, side by side in one run."""
