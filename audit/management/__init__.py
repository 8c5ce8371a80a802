"""Django's commands of the history."""
