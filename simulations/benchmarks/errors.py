"""What can be wrong with a benchmark's input, as a type with a stable code."""


class BenchmarkError(Exception):
    """A file is missing or says something impossible; the message names it."""

    code = "benchmark_input"
