"""One self-contained HTML file about a run; `simulations.comparison` puts several side by side."""

from simulations.runner import Result

__all__ = ["report_html"]


def report_html(result: Result, language: str) -> str:
    """The report of a run as one HTML document.

    Args:
        result: the run.
        language: `de` or `en`.
    """
    from simulations.report.page import report_html as written  # noqa: PLC0415 - slow to import

    return written(result, language)
