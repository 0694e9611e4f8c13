"""Whether the agent learns: a market with known truth, and what it makes of it."""
