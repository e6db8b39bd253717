"""EfficientNet and its k-variants: described as data, counted, built.

architecture.py        the choices that make a network, and its stages
grouping.py            the arithmetic of layers K and L
operations.py          the operations that a network is made of
description.py         a network, as all of its operations
cost.py                a description counted
layer_table.py         a description as a table
model.py               a description built, as a Keras model
layers.py              its Keras layers
lowering.py            the ways to compute the grouped ones
tensorflow_kernels.py  kernels that are faster than Keras' own
inference.py           a trained network folded
stock.py               a trained network in Keras' own layers alone
"""
