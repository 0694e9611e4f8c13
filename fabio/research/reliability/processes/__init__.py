"""Real agent processes: killed, started together, wedged."""
