"""Who asks: authentication, keys, sealed credentials, their API and their pages."""
