"""The truth in PostgreSQL: tables, event log, inbox, and how they follow from one another."""
