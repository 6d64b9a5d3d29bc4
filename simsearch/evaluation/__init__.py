"""Measuring: figures from arrays (`metrics`), how sure they are (`intervals`), and the protocols that use them."""
