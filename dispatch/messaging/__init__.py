"""What riders are told: which change makes which message, in which words, and how it gets there."""
