"""Small datasets in TFDS' own on-disk format, under the names of the paper's."""

import numpy as np
import tensorflow_datasets as tfds

COLORECTAL = ("tumor", "stroma", "complex", "lympho", "debris", "mucosa", "adipose", "empty")


def picture(number, size):
    """A picture that tells its number in every pixel."""
    return np.full((size, size, 3), number, np.uint8)


def store(root, name, version, shape, class_names, extra, splits):
    features = {
        "image": tfds.features.Image(shape=shape),
        "label": tfds.features.ClassLabel(names=class_names),
        **{key: tfds.features.Text() for key in extra},
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=version,
        data_dir=root,
        features=tfds.features.FeaturesDict(features),
        split_datasets=splits,
    )


def store_cifar10(root, training=40):
    def examples(part, n, first):
        for i in range(n):
            label, pixels = i % 10, picture(first + i, 32)
            yield i, {"id": f"{part}_{i:05d}", "image": pixels, "label": label}

    splits = {"train": examples("train", training, 0), "test": examples("test", 20, 100)}
    store(root, "cifar10", "3.0.2", (32, 32, 3), list("abcdefghij"), ["id"], splits)


def store_malaria(root):
    examples = ((i, {"image": picture(i, 20 + i), "label": i % 2}) for i in range(40))
    names = ["parasitized", "uninfected"]
    store(root, "malaria", "1.0.0", (None, None, 3), names, [], {"train": examples})


def store_colorectal(root):
    examples = (
        (i, {"image": picture(i, 150), "label": i % 8, "filename": f"{80 - i:03d}.tif"})
        for i in range(80)
    )
    splits = {"train": examples}
    name, shape = "colorectal_histology", (150, 150, 3)
    store(root, name, "2.0.0", shape, COLORECTAL, ["filename"], splits)


def store_all(root):
    for store_one in (store_cifar10, store_malaria, store_colorectal):
        store_one(root)
