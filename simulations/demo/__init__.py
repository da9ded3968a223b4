"""Virtual drivers and riders that use a running service over HTTP, as real ones would."""
