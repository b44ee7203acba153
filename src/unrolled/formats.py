"""What folders of ours are known by; it takes nothing else to import, for what only looks at a folder."""

from typing import Final

TRACE_FORMAT: Final = "unrolled-trace/1"
"""In a trace's `zarr.json`; see docs/reference/trace-format.md."""
RUN_FORMAT: Final = "unrolled-run/1"
"""In a run's `settings.json`."""
FINDINGS_FILE: Final = "findings.json"
"""In a trace's folder: what `unrolled find` found in it."""
SUMS_FILE: Final = "SHA256SUMS"
"""In each checkpoint of a run: the sums of its files, as `sha256sum --check` reads them."""
