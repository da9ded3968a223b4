"""Whether all that is stored is as it must be: what `rufbus audit` says.

A check is a function from `Evidence` to findings; a watcher sees each event while the log is
folded. A new subject adds its own module and one entry in `dispatch.audit.checks`.
"""

from dispatch.audit.evidence import Evidence, Finding, Roads
from dispatch.audit.run import Report, audit

__all__ = ["Evidence", "Finding", "Report", "Roads", "audit"]
