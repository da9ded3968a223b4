"""One module per revision, in plain SQL."""
