"""Who asks: agents, runtime credentials, sealed credentials, freeze."""
