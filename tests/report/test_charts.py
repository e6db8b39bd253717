"""Each figure shows what is on record: the data in its views, and that it can be drawn."""

import csv
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from claims.test_report import put
from helpers.simulated import table
from PIL import Image

from kreproduce.claims import report
from kreproduce.claims.matched import Matched
from kreproduce.compare.curves import METRICS, Curves
from kreproduce.errors import SettingsError
from kreproduce.report import charts, drawing

COUNTS = ("computations", "computations_trained")


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    put(results, table(np.random.default_rng(1), 2, 0.4, images=2_000))
    (section,) = report.report(results).sections
    return section


def texts(figure):
    return " ".join(ET.fromstring(drawing.file(figure, ".svg")).itertext())


def data(view):
    """The rows of all data in a view, and what is encoded where, by its title."""
    specification = view.to_dict()
    sets = [specification["data"]] if "data" in specification else []
    sets += [layer["data"] for layer in specification.get("layer", []) if "data" in layer]
    return [row for values in sets for row in values.get("values", [])]


def encodings(specification):
    """Every place in a specification that is encoded, with its channel."""
    for part in (specification, *specification.get("layer", [])):
        yield from part.get("encoding", {}).items()


def curves(name="ours", first=1, **values):
    count = len(next(iter(values.values())))
    epochs = tuple(range(first, first + count))
    return Curves(name, epochs, {metric: tuple(v) for metric, v in values.items()})


def all_figures(section):
    matrix = np.arange(9).reshape(3, 3)
    return {
        "frontier": charts.frontier(section.runs),
        "without runs": charts.frontier(None),
        "curves": charts.curves([curves(loss=[2.0, 1.0], val_accuracy=[0.1, 0.2])]),
        "confusion": charts.confusion("a network", matrix, ["cat", "dog", "frog"]),
        "ablation": charts.ablation(section),
    }


def test_every_axis_has_a_name_and_legends_lie_below(section):
    for name, figure in all_figures(section).items():
        assert figure.draw(), name
        for view in figure.draw():
            titles = set()
            for channel, encoded in encodings(view.to_dict()):
                if channel in ("x", "y") and "title" in encoded:
                    titles.add((channel, encoded["title"]))
                if channel == "color" and "scale" in encoded:
                    assert encoded["legend"]["orient"] == "bottom", name
            assert sorted(channel for channel, _ in titles) == ["x", "y"], name
            assert all(len(title) > 4 for _, title in titles), name
    units = {"%", "points", "number", "multiply-adds", "nats"}
    titles = [
        encoded["title"]
        for name in ("frontier", "curves")
        for view in all_figures(section)[name].draw()
        for channel, encoded in encodings(view.to_dict())
        if channel in ("x", "y") and encoded.get("title", "epoch") != "epoch"
    ]
    assert all(any(unit in title for unit in units) for title in titles), titles


def test_every_network_stands_in_the_frontier(section):
    figure = charts.frontier(section.runs)
    drawn = texts(figure)
    assert all(network in drawn for network in section.runs.table.networks)
    assert "parameters" in drawn
    assert "computations" in drawn
    assert "measured, seeds: 2" in drawn
    assert "the paper (another protocol), one run each" in drawn
    assert "95% intervals" in " ".join(figure.about)
    measured = {row["network"]: row for row in data(figure.draw()[0]) if "measured" in row["of"]}
    for network, row in measured.items():
        seeds = section.runs.table.seeds(network)
        mean = np.mean([section.runs.table.accuracy(network, seed) for seed in seeds])
        assert row["accuracy"] == pytest.approx(100 * mean)
        assert row["low"] < row["accuracy"] < row["high"]


def test_equal_runs_give_equal_bytes(section):
    for figure in all_figures(section).values():
        assert drawing.file(figure, ".svg") == drawing.file(figure, ".svg")


def test_without_runs_it_says_so():
    assert "No runs that may be compared are on record" in charts.frontier(None).about[0]


@pytest.mark.parametrize("papers", [True, False])
def test_computations_are_counted_as_those_beside_them(section, monkeypatch, papers):
    """By the paper's count in its own protocol; elsewhere they are of the network trained."""
    monkeypatch.setattr(Matched, "is_papers", papers)
    records = section.runs.records.values()
    counted, trained = ({getattr(r, n) for r in records} for n in COUNTS)
    assert counted != trained
    rows = data(charts.frontier(section.runs).draw()[1])
    drawn = {row["computations"] for row in rows if "measured" in row["of"]}
    assert drawn == (counted if papers else trained)
    said = charts.frontier(section.runs).about[0]
    assert ("those of the network trained" in said) == (not papers)


def test_curves_have_a_view_a_metric_and_every_epoch_of_each():
    ramp = [0.1 * i for i in range(1, 11)]
    ours = curves(**dict.fromkeys(METRICS, ramp))
    theirs = curves("theirs", loss=[*ramp, 3.0, 4.0])
    figure = charts.curves([ours, theirs])
    assert len(figure.draw()) == len(METRICS)
    rows = data(figure.draw()[0])
    assert [row["value"] for row in rows if row["training"] == "theirs"] == [*ramp, 3.0, 4.0]
    assert [row["epoch"] for row in rows if row["training"] == "ours"] == list(range(1, 11))
    accuracies = data(figure.draw()[METRICS.index("accuracy")])
    assert [row["value"] for row in accuracies] == pytest.approx([100 * value for value in ramp])


def test_epochs_are_whole_numbers():
    """A short training's axis has no epoch 1.25, as it once had."""
    drawn = texts(charts.curves([curves(loss=[2.0, 1.0])]))
    assert {"1", "2"} <= set(drawn.split())
    (view,) = charts.curves([curves(loss=[2.0, 1.0])]).draw()
    axis = view.to_dict()["layer"][0]["encoding"]["x"]["axis"]
    assert (axis["tickMinStep"], axis["format"]) == (1, "d")


def test_a_single_epoch_is_dots_and_a_loss_of_nothing_can_be_drawn():
    (view,) = charts.curves([curves(loss=[0.0])]).draw()
    marks = [layer["mark"]["type"] for layer in view.to_dict()["layer"]]
    assert marks == ["line", "circle"]
    assert texts(charts.curves([curves(loss=[0.0])]))


def test_names_are_apart():
    assert charts._apart(["a", "a", "a (2)"]) == ["a", "a (3)", "a (2)"]


def test_a_matrix_of_very_many_classes_is_refused():
    with pytest.raises(SettingsError, match="a matrix of 101 classes is too large to look at"):
        charts.confusion("a network", np.zeros((101, 101), int), list(map(str, range(101))))


def test_two_of_one_name_are_two_curves():
    (view,) = charts.curves([curves(loss=[1.0, 2.0]), curves(loss=[3.0, 4.0])]).draw()
    assert {row["training"] for row in data(view)} == {"ours", "ours (2)"}


@pytest.mark.parametrize(
    "name", ["a$b_{x^$", "_hidden", "数é\n", "n" * 300, r"\frac{", "</script>"]
)
def test_any_name_can_be_drawn(name):
    figure = charts.curves([curves(name, loss=[1, 2])], name)
    assert drawing.file(figure, ".svg")
    assert "</" not in drawing.specification(figure.draw()[0])


def test_no_curves_are_refused():
    with pytest.raises(SettingsError, match="there is no training to draw"):
        drawing.file(charts.curves([]), ".svg")


def test_a_confusion_matrix_has_every_cell():
    matrix = np.array([[5, 0], [3, 1]])
    figure = charts.confusion("a network", matrix, ["cat", "dog"], seeds=2)
    rows = {(row["true"], row["predicted"]): row for row in data(figure.draw()[0])}
    assert {key: row["images"] for key, row in rows.items()} == {
        ("cat", "cat"): 5,
        ("cat", "dog"): 0,
        ("dog", "cat"): 3,
        ("dog", "dog"): 1,
    }
    assert rows["dog", "cat"]["share"] == 75
    assert "2 runs" in figure.about[0]
    summed = charts.summed([matrix, matrix])
    assert summed.tolist() == [[10, 0], [6, 2]]
    assert matrix.tolist() == [[5, 0], [3, 1]]


def test_the_ablation_has_the_claims_differences(section):
    drawn = {row["code"]: row for row in data(charts.ablation(section).draw()[0]) if "code" in row}
    found = {row["code"]: row for row in csv.DictReader(io.StringIO(csv_of(section)))}
    assert len(drawn) > 3
    for code, row in drawn.items():
        assert row["difference"] == pytest.approx(float(found[code]["difference"]))
        assert row["verdict"] == found[code]["verdict"]


def csv_of(section):
    return report.render(report.Report((section,), (), (), ()), "csv")


def test_a_figure_is_written_in_every_format(section):
    figure = charts.frontier(section.runs)
    with Image.open(io.BytesIO(drawing.file(figure, ".png"))) as image:
        assert image.size[0] > image.size[1] > 500
    assert drawing.file(figure, ".pdf").startswith(b"%PDF-")
    assert ET.fromstring(drawing.file(figure, ".svg")).tag.endswith("svg")


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(drawing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'kreproduce\[report\]'"):
        drawing.check_extra()
