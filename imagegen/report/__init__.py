"""Results into text: lossless JSON lines, CSV, rows to run again, one HTML page, one Markdown summary.

Pure: the caller opens files and knows where they lie. Nothing here knows the ledger, a provider or the clock.
"""

from imagegen.report.html import write_html
from imagegen.report.markdown import markdown_summary
from imagegen.report.tables import jsonl_line, write_csv, write_refused

__all__ = ["jsonl_line", "markdown_summary", "write_csv", "write_html", "write_refused"]
