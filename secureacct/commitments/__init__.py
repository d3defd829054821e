"""The promises a site makes to its people: what keeps each, how to check it, and the evidence."""
