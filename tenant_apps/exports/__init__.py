"""Lists and reports as files: CSV, XLSX and PDF."""
