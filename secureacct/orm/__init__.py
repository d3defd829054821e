"""Encrypted columns in an ORM: one module per ORM, loaded only when it is imported."""
