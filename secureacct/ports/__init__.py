"""What stores promise, one file per piece. Only protocols live here."""
