"""The mutation check: whatever stands between a wish and the market is broken in turn, and a test has to go red."""
