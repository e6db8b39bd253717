import numpy as np
import pytest

from kreproduce.evaluation import SHOWN, cross_entropy, evaluate, softmax

NAMES = ("cat", "dog", "eel")


def random_logits(seed=0, images=200):
    rng = np.random.default_rng(seed)
    logits = {shown: rng.normal(size=(images, 3)).astype("float32") for shown in SHOWN}
    return logits, rng.integers(0, 3, images)


def test_the_sums_over_flips_against_plain_numpy():
    logits, labels = random_logits()
    p = {}
    for shown, values in logits.items():
        p[shown] = np.array([np.exp(row) / sum(np.exp(row)) for row in values.astype("float64")])
    expected = {
        "plain": p["plain"],
        "hflip": p["plain"] + p["horizontal"],
        "vflip": p["plain"] + p["vertical"],
        "hflip+vflip": p["plain"] + p["horizontal"] + p["vertical"],
    }
    report = evaluate(logits, labels, NAMES)
    for name, total in expected.items():
        right = [int(row.argmax() == label) for row, label in zip(total, labels, strict=True)]
        assert report[name]["accuracy"] == pytest.approx(sum(right) / len(right))
    assert len({report[name]["accuracy"] for name in expected}) > 1
    losses = [-np.log(p["plain"][i, label]) for i, label in enumerate(labels)]
    assert report["loss"] == pytest.approx(np.mean(losses))


def test_confusion_matrix_and_classes():
    logits = {shown: np.eye(3)[[0, 0, 1, 1, 0]] for shown in SHOWN}
    report = evaluate(logits, np.array([0, 0, 0, 1, 1]), NAMES)["plain"]
    assert report["confusion_matrix"] == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert report["accuracy"] == 0.6
    assert report["classes"]["cat"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "images": 3,
    }
    assert report["classes"]["eel"] == {"precision": 0, "recall": 0, "f1": 0, "images": 0}


def test_large_logits_do_not_overflow():
    logits = np.array([[1000.0, 0.0], [-1000.0, 1000.0]])
    np.testing.assert_allclose(softmax(logits), [[1, 0], [0, 1]])
    assert cross_entropy(logits, np.array([0, 0])) == 1000
