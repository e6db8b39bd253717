"""A finished run on one page: settings, headline, curves, confusions, classes, files."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kreproduce.runs import predictions as predictions_file
from kreproduce.runs.folder import MODEL
from kreproduce.runs.predictions import Predictions, Shown
from kreproduce.runs.records import HEADLINE, Record, weights_name
from kreproduce.system import files
from kreproduce.text import duration, printable

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 50  # characters of a sparkline
_CONFUSIONS = 5
_CLASSES = 100
_CURVES = ("loss", "val_loss", "accuracy", "val_accuracy")
_LARGEST_HISTORY = 2**28  # bytes


@dataclass(frozen=True)
class Page:
    """What there is to show of a finished run.

    Attributes:
        folder: the run's.
        record: its record.
        curves: by metric, one value per epoch.
        predictions: of its headline.
        shown: whether with the mirror image.
    """

    folder: Path
    record: Record
    curves: dict[str, list[float]]
    predictions: Predictions
    shown: Shown

    def confusions(self) -> list[tuple[str, str, int]]:
        """Return the most frequent ones: true class, predicted class, images."""
        pairs = zip(
            self.predictions.true.tolist(),
            self.predictions.predicted(self.shown).tolist(),
            strict=True,
        )
        counts = Counter(sorted(pair for pair in pairs if pair[0] != pair[1]))
        names = self.record.data.class_names
        return [
            (names[true], names[predicted], count)
            for (true, predicted), count in counts.most_common(_CONFUSIONS)
        ]

    def files(self) -> dict[str, bool]:
        """Return the paths of what the run left, and whether each is here."""
        names = ["record.json", "history.csv", predictions_file.FILE, MODEL]
        names += [weights_name(rule) for rule in self.record.weights]
        return {str(self.folder / name): (self.folder / name).is_file() for name in names}

    def values(self) -> dict[str, Any]:
        """Return the same as plain values."""
        outcome = self.record.test[HEADLINE]
        by_class = self.predictions.by_class(self.record.settings.classes, self.shown)
        return {
            "run": self.record.run,
            "settings": self.record.settings.model_dump(mode="json"),
            "headline": {
                "accuracy": self.record.accuracy(hflip=self.shown == "hflip"),
                "hflip": self.shown == "hflip",
                "loss": outcome.loss,
                "epoch": self.record.best_epoch[HEADLINE],
                "images": self.record.data.test,
            },
            "curves": self.curves,
            "confusions": [
                {"true": true, "predicted": predicted, "images": count}
                for true, predicted, count in self.confusions()
            ],
            "classes": [
                {"class": name} | {key: values[i].item() for key, values in by_class.items()}
                for i, name in enumerate(self.record.data.class_names)
            ],
            "files": self.files(),
        }

    def lines(self) -> list[str]:
        """Return the page as text."""
        return [
            *self._heading(),
            "",
            *self._settings(),
            "",
            *self._sparklines(),
            "",
            *self._confused(),
            "",
            *self._classes(),
            "",
            *(f"{'here   ' if here else 'missing'}  {path}" for path, here in self.files().items()),
        ]

    def _heading(self) -> list[str]:
        record = self.record
        hflip = self.shown == "hflip"
        outcome, correct = record.test[HEADLINE], record.accuracy(hflip=hflip)
        kind = "original" if record.data.original else "not the original ones"
        return [
            record.run,
            f"  test accuracy {correct:.2%}{' with H flip' if hflip else ''}, loss "
            f"{outcome.loss:.4f}: weights of epoch {record.best_epoch[HEADLINE]} of "
            f"{record.settings.epochs}, {record.data.test:,} test images ({kind})",
            f"  {record.parameters:,} parameters, {record.computations:,} computations as the "
            "paper counts",
            f"  trained in {duration(record.seconds.training)} on "
            f"{printable(', '.join(sorted(set(record.conditions.devices))))}, "
            f"{record.conditions.backend}, {record.conditions.precision}; finished "
            f"{printable(record.finished)}",
        ]

    def _settings(self) -> list[str]:
        values = self.record.settings.model_dump(mode="json")
        values |= {f"augmentation.{k}": v for k, v in values.pop("augmentation").items()}
        width = max(map(len, values))
        return [f"{name:{width}}  {_said(value)}" for name, value in values.items()]

    def _sparklines(self) -> list[str]:
        return [
            f"{name:12}  {sparkline(values)}  {values[0]:.4f} to {values[-1]:.4f}"
            for name, values in self.curves.items()
        ]

    def _confused(self) -> list[str]:
        confusions = self.confusions()
        if not confusions:
            return ["no test image was taken for another class"]
        return [
            "most frequent confusions:",
            *(
                f"  {printable(true)} taken for {printable(predicted)}: {count:,}"
                for true, predicted, count in confusions
            ),
        ]

    def _classes(self) -> list[str]:
        names = [printable(name, 40) for name in self.record.data.class_names]
        found = self.predictions.by_class(len(names), self.shown)
        width = max(len("class"), *map(len, names))
        lines = [f"{'class':{width}}  precision  recall      F1   images"]
        for i, name in enumerate(names[:_CLASSES]):
            shares = "  ".join(f"{found[key][i]:7.2%}" for key in ("precision", "recall", "f1"))
            lines.append(f"{name:{width}}    {shares}  {found['images'][i]:7,}")
        if len(names) > _CLASSES:
            lines.append(f"and {len(names) - _CLASSES:,} classes more, which --json has")
        return lines


def page(folder: Path, record: Record, predictions: Predictions, shown: Shown = "plain") -> Page:
    """Return the page of a run whose record counts, so that its history is as it was written."""
    text = files.read(folder / "history.csv", _LARGEST_HISTORY).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=None)))
    curves = {name: [float(row[name]) for row in rows] for name in _CURVES}
    return Page(folder, record, curves, predictions, shown)


def sparkline(values: list[float]) -> str:
    """Return values as a line of blocks; many are averaged.

    >>> sparkline([0.0, 1.0, 2.0, 3.0, 7.0])
    '▁▂▃▄█'
    """
    if len(values) > _WIDTH:
        values = [float(part.mean()) for part in np.array_split(np.array(values), _WIDTH)]
    low, high = min(values), max(values)
    steps = len(_BLOCKS) - 1
    if high == low:
        return _BLOCKS[0] * len(values)
    return "".join(_BLOCKS[round((value - low) / (high - low) * steps)] for value in values)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
