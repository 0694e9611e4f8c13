"""The only reader of configuration: everyone else receives plain values."""
