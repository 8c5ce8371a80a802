"""Tests of the API as a whole: its description, limits of bodies, and fuzzing."""
