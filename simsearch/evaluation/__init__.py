"""Measures the application from outside, on labelled photos: protocols, metrics, intervals, tables and plots."""
