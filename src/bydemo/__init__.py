"""bydemo teaches robots by demonstration, and tells how well they learned."""

__version__ = "0.1.0"
