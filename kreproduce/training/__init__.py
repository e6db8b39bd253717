"""A run: what a network is shown, how it is trained and tested."""
