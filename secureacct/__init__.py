"""Account security for Python web apps."""
