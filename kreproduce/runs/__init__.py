"""A run on disk: its folder, checkpoints, record, predictions, and its state."""
