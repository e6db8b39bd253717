"""What TFDS writes beside its shards, and shards of the right lengths with nothing in them."""

import json

MODULE = "tensorflow_datasets.core.features"
IMAGE = {
    "pythonClassName": f"{MODULE}.image_feature.Image",
    "image": {"dtype": "uint8", "shape": {"dimensions": ["16", "16", "3"]}},
}
TEXT = {"pythonClassName": f"{MODULE}.text_feature.Text", "text": {}}
NAMES = ("zebra", "ant", "mole")


def label(classes):
    return {
        "pythonClassName": f"{MODULE}.class_label_feature.ClassLabel",
        "classLabel": {"numClasses": str(classes)},
    }


def record(size=20):
    """A record of TFRecord's form, the checksums left out."""
    return size.to_bytes(8, "little") + bytes(4 + size + 4)


def write_version(path, splits=None, features=None, names=NAMES, **info):
    """A version of TFDS in the folder `path`.

    Args:
        path: The folder, .../NAME/VERSION.
        splits: The images of each shard, by the name of the split.
        features: What each example has.
        names: The names of the classes.
        info: What else stands in dataset_info.json.
    """
    path.mkdir(parents=True)
    splits = {"train": [4, 5], "test": [3]} if splits is None else splits
    name = info.get("name", path.parent.name)
    listed = [{"name": n, "shardLengths": list(map(str, each))} for n, each in splits.items()]
    about = {"name": name, "version": path.name, "fileFormat": "tfrecord", "splits": listed} | info
    (path / "dataset_info.json").write_text(json.dumps(about))
    given = {"image": IMAGE, "label": label(len(names)), "id": TEXT} | (features or {})
    top = {
        "pythonClassName": f"{MODULE}.features_dict.FeaturesDict",
        "featuresDict": {"features": {key: value for key, value in given.items() if value}},
    }
    (path / "features.json").write_text(json.dumps(top))
    (path / "label.labels.txt").write_text("".join(f"{name}\n" for name in names))
    for split, each in splits.items():
        for i, images in enumerate(each):
            shard = path / f"{name}-{split}.tfrecord-{i:05d}-of-{len(each):05d}"
            shard.write_bytes(record() * images)
    return path
