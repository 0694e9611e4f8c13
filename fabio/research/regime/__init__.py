"""How good the classifiers are: suites made and real, rivals, scores."""
