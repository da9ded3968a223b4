"""The road graph, and plans driven on it: no web, no database, no wall clock."""
