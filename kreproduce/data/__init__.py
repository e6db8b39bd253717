"""The images: where they lie, how they are divided, and what training does to them.

sources.py           where a dataset's images lie, and what is read from there
builtin.py           datasets that come with a package
folders.py           images in folders named after their classes
parts.py             which of these folders are parts, and which are classes
entries.py           what lies in one folder
layouts.py           how the archives of the paper's datasets are laid out
archives.py          these archives, read without being unpacked
cifar.py             CIFAR-10's binary batches
heldout.py           CIFAR-10's training images alone
tfds.py              datasets that TensorFlow Datasets has prepared
tfds_info.py         what they say of themselves, read without it
cache.py             a prepared dataset in one file
prepare.py           getting a dataset, and making that file
download.py          an archive, downloaded to where TFDS looks for it
download_process.py  the same, in a process of its own
images.py            a labelled set of images, decoded when asked for
decode.py            an encoded image as RGB bytes
tiff.py              what Pillow does not say of a TIFF file
pillow_warnings.py   Pillow's warnings, collected
remarks.py           what is said of images that are read all the same
originals.py         which images are the published ones
splits.py            which images train, validate and test
resize.py            bringing images to one size
dataset.py           a dataset as an experiment uses it
record.py            what a record says of it
augment.py           random transforms, as matrices
views.py             which image is shown when, through which of them
layers.py            enlarging and warping on the device
check.py             whether a dataset is whole, and what it is
repeats.py           pictures that it has twice where that does harm
contact_sheet.py     training images, and what the network is shown of them
"""
