"""`MODEL_CARD.md`: what an exported network is, from its run's record and from its check."""

import re
from dataclasses import dataclass

from kreproduce.experiment.settings import Experiment
from kreproduce.export.check import COMPARED, Checked
from kreproduce.export.formats import Format
from kreproduce.network.channels import label
from kreproduce.runs.records import HEADLINE, Record
from kreproduce.text import printable

FILE = "MODEL_CARD.md"
_NAMED = 100  # classes; more are in the file


@dataclass(frozen=True)
class Exported:
    """A file that was exported.

    Attributes:
        format: of it.
        quantized: the type of its weights, say "int8".
        name: of the file or folder.
        size: bytes.
        sha256: of the file; of a folder that of its files' SHA-256s, in the order of their names.
        checked: what it came to.
    """

    format: Format
    quantized: str
    name: str
    size: int
    sha256: str
    checked: Checked


def model_card(record: Record, exported: Exported) -> str:
    """Return the text of the card, Markdown."""
    parts = (
        _heading(record),
        _data(record),
        _use(record, exported),
        _results(record, exported),
        _training(record),
        _limits(record),
    )
    return "\n".join(line for part in parts for line in [*part, ""]).rstrip() + "\n"


def _heading(record: Record) -> list[str]:
    settings = record.settings
    return [
        f"# {_network(settings)}, trained on {_escaped(record.data.name)}",
        "",
        f"An image classifier of {settings.classes:,} classes with {record.parameters:,} trainable "
        f"parameters, from the run `{record.run}` of kreproduce, which reproduces "
        "Schwarz Schuler et al., *Entropy* 2022, 24, 1264 (doi:10.3390/e24091264).",
    ]


def _data(record: Record) -> list[str]:
    data = record.data
    lines = ["## Images", ""]
    if data.original:
        lines += ["They are the published images of the dataset."]
    else:
        why = f": {_escaped(data.not_original_because)}" if data.not_original_because else ""
        lines += [
            f"**Foreign images.** They are not the published images of a dataset of the paper"
            f"{why}. The accuracy below says nothing about the paper's."
        ]
    if record.partial:
        lines += ["Only some of them were taken (`limit`)."]
    lines += [
        f"{data.train:,} trained it, {data.validation:,} chose the epoch, {data.test:,} tested it; "
        f"{_escaped(data.split)}. SHA-256 of all pixels and labels: `{data.fingerprint}`.",
    ]
    return lines


def _use(record: Record, exported: Exported) -> list[str]:
    height, width, _ = record.data.image_shape
    names = record.data.class_names
    classes = [f"  {number}. {_escaped(name)}" for number, name in enumerate(names[:_NAMED])]
    if len(names) > _NAMED:
        classes.append(f"  and {len(names) - _NAMED:,} more, which are in the file")
    batch = "1" if exported.format.name == "litert" else "batch"
    resizing = {
        "pil": "by the nearest neighbour, as Pillow does",
        "opencv": "after zeros beside their shorter side to a square, by the nearest neighbour, as "
        "OpenCV does",
    }[record.settings.resize]
    return [
        "## Use",
        "",
        f"{named(exported.name)} is run by {exported.format.runtime} "
        f"({exported.format.limits}). Its weights are {exported.quantized}, it has "
        f"{exported.size:,} bytes, and its SHA-256"
        f"{'' if exported.format.suffix else ' (that of the SHA-256s of its files)'} is "
        f"`{exported.sha256}`.",
        "",
        f"- In: `image`, float32 ({batch}, {height}, {width}, 3), red, green and blue of **0 to "
        "255**. It divides by 255 itself. Images of another size are brought to "
        f"{height} x {width} before, {resizing}.",
        f"- Out: `probabilities`, float32 ({batch}, classes), in this order:",
        *classes,
    ]


def _results(record: Record, exported: Exported) -> list[str]:
    outcome, checked = record.test[HEADLINE], exported.checked
    return [
        "## Results",
        "",
        f"| weights | test images | accuracy |\n|---|---:|---:|\n"
        f"| of the run, as recorded | {record.data.test:,} | {outcome.accuracy.plain:.2%} |\n"
        f"| with the mirror image added | {record.data.test:,} | {outcome.accuracy.hflip:.2%} |\n"
        f"| of this file, by {exported.format.runtime} | {checked.images:,} | "
        f"{checked.accuracy:.2%} |\n"
        f"| of the run, on the same images | {checked.images:,} | {checked.expected:.2%} |",
        "",
        f"On {min(COMPARED, checked.images)} of them its probabilities are at most "
        f"{checked.difference:.1e} from those of the run's network in float32.",
    ]


def _training(record: Record) -> list[str]:
    settings, conditions = record.settings, record.conditions
    commit = record.code.commit or "unknown"
    changed = ", with changed files" if record.code.dirty else ""
    return [
        "## Training",
        "",
        f"{settings.epochs} epochs, of which the weights of epoch {record.best_epoch[HEADLINE]} "
        f"had the lowest validation loss; batches of {settings.batch_size}, seed {settings.seed}, "
        f"input {settings.input_size} x {settings.input_size}, {conditions.precision}; on "
        f"{_escaped(', '.join(sorted(set(conditions.devices))))} with Keras' backend "
        f"{conditions.backend}; finished {printable(record.finished)}; commit {commit}{changed}.",
        "",
        f"Identity of the experiment: `{record.identity}`. Everything else stands in the run's "
        "`record.json`.",
    ]


def _limits(record: Record) -> list[str]:
    return [
        "## Limits",
        "",
        "It knows its classes only: of a picture of anything else it names one of them all the "
        f"same. It was trained on images of {record.data.image_shape[0]} pixels a side, and how it "
        "does on others was not measured. It is a product of research, and no medical device.",
    ]


def _network(settings: Experiment) -> str:
    base = f"EfficientNet-{settings.size}"
    if settings.variant == "baseline":
        return f"{base}, the baseline"
    parts = [f"kEffNet-{settings.size} {settings.variant.upper()} {label(settings.ch)}"]
    parts += [] if settings.layer_l else ["without L"]
    parts += ["with ReLU"] if settings.activation == "relu" else []
    return " ".join(parts)


def named(name: str) -> str:
    """Return how a card names its file."""
    return f"`{printable(name).replace('`', '?')}`"


def _escaped(text: str) -> str:
    """Return text of unknown origin that Markdown leaves as it is."""
    return re.sub(r"([\\`*_<>\[\]|#])", r"\\\1", printable(text))
