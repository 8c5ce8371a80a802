"""Tests of the project around the apps."""
