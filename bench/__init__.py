"""Benchmarks: what the documentation claims about speed, measured."""
