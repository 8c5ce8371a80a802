"""The use cases of the authorization life cycle, one file each."""
