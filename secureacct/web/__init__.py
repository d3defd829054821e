"""The account on the web: views that know no framework, and a thin shell for each framework."""
