"""The Django project: settings, addresses, processes; no logic of the product."""
