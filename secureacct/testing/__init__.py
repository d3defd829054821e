"""Helps for the tests of apps: fakes that behave well, or badly on purpose."""
