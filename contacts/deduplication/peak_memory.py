"""The most memory that this process ever took, for figures."""

import re
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mb() -> int:
    """Resident megabytes (MiB) at the peak.

    Linux tells it in two places; ``getrusage`` also counts what the parent had taken when it started this process.
    """
    if STATUS.exists() and (found := re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)):
        return int(found[1]) // 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
