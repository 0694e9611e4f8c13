"""What may leave the agent: limits at the exit, against a model of them written apart."""
