"""A run's curves beside those of another, say one that the authors ran: gaps and a picture."""
