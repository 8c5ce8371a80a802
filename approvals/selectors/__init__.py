"""Reads of requests to spend: situations, answers, evidence and lists."""
