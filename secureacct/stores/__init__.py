"""Shells around databases. They never import each other, nor anything of ``accounts``."""
