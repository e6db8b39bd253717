"""A trained network for use.

about.py             what a model file says of itself
model_file.py        model.keras: layers of Keras alone, opened without this package
load.py              a run or a model file, as a classifier
rebuilt.py           a run's network, from its settings and weights
classifier.py        images of any size to class probabilities
pictures.py          the pictures that a command line names
predict.py           those pictures, classified one after another
formats.py           what a network is exported to, and what each needs
served.py            the network that is exported: images in, probabilities out
savedmodel.py        as TensorFlow's SavedModel
onnx.py              as an ONNX file
litert.py            as a LiteRT (TFLite) file
exporting.py         an export, from a run to a file that was checked
check.py             a file run by its own runtime on test images
model_card.py        MODEL_CARD.md
"""
