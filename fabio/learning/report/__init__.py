"""The report: one page, or one screen, of what a record holds."""
