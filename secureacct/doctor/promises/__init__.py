"""Checks of the promises: on the library as installed, and on an app in rehearsal."""
