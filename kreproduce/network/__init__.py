"""EfficientNet and its k-variants: described as data, counted, built."""
