"""Looking at a site from outside and from inside, and saying what is wrong and how to mend it."""
