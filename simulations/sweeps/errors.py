"""What can go wrong with a sweep, as types with a stable code."""


class SweepError(Exception):
    """The sweep file cannot be used; the message says where and why."""

    code = "sweep_invalid"


class ClusterError(Exception):
    """The Dask cluster cannot be reached, or was lost."""

    code = "cluster_unavailable"


class InputsDifferError(Exception):
    """A worker has other code, another town or other roads than the one who collects results."""

    code = "inputs_differ"
