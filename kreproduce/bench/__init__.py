"""How fast it is, measured: training and inference, memory, starting, several runs at once."""
