"""States and their legal transitions, messages, service rules and errors: standard library only."""
