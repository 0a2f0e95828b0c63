"""A noisy estate over three clouds, drawn from a seed, with the truth about each resource. Shares nothing with recommenders."""
