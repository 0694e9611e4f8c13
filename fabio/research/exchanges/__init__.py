"""What exchanges with a model hold: costs, questions asked before, and prompts held against each other."""
