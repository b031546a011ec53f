"""Measures the real worker and what people wait for: ``make bench``."""
