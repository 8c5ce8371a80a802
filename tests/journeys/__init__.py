"""Journeys: people in a real browser, apps over real HTTP, a live server on a real database."""
