"""What the record teaches: functions from records to lessons."""
