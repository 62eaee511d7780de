"""Manifests: YAML, CSV, TSV, JSONL and Parquet files -> rows, with errors at file:line:column.

Reads files and nothing else: no models, prices or providers are known here.
"""

from imagegen.manifest.header import Budget, Header, Output, Source
from imagegen.manifest.manifest import Manifest, check, open_manifest

__all__ = ["Budget", "Header", "Manifest", "Output", "Source", "check", "open_manifest"]
