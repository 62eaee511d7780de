"""The ledger, with real SQLite and real processes."""
