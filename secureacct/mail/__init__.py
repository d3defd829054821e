"""Account mails: addresses, words, and the linter that every mail passes before it is sent."""
