"""The images: where they lie, how they are divided, and what training does to them."""
