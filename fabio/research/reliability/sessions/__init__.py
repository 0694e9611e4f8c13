"""When markets trade: the agent's calendar against an independent table."""
