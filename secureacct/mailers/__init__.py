"""Mailers: SMTP, the console, and a box in memory."""
