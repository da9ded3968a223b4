"""The dispatch service: decisions, storage, processes, API and pages."""
