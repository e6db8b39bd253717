"""The network that SavedModel, ONNX and LiteRT files hold: images in, probabilities out.

It is folded for inference with layers K and L left as grouped convolutions, in which form each
runtime has a kernel for them: as dense matrices they take several times the bytes and the time. And
it is never made from model.keras, whose stock layers come out larger.
"""

import keras
from keras import layers

from kreproduce.data.resize import Rule
from kreproduce.export.about import About
from kreproduce.export.model_file import enlarged
from kreproduce.network.inference import fold
from kreproduce.network.model import precision


def served(network: keras.Model, about: About) -> keras.Model:
    """Return a model from float images (batch, h, w, 3) of 0 to 255 to class probabilities.

    Args:
        network: trained, built by `build` in float32 under TensorFlow.
        about: says how images go in.
    """
    settings = about.settings
    rule: Rule = settings.resize
    with precision("float32"):
        folded = fold(network, settings.architecture, lowering="native", smallest=True)
        image = keras.Input(about.image_shape, dtype="float32", name="image")
        shown = layers.Rescaling(1 / 255)(enlarged(image, settings.input_size, rule))
        return keras.Model(image, folded(shown))
