"""Records into databases: the process that follows a folder, beside the agent and never in its way."""
