"""What decides a result: its settings, the authors' values of them, files that hold them."""
