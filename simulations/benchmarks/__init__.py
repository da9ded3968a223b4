"""The field's benchmarks as commands: measured figures, each checked independently."""
