"""Networks that learn scores: the networks, ensembles of them, their training, and sweeps over settings."""
