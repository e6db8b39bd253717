import xml.etree.ElementTree as ET
from unittest.mock import MagicMock

import numpy as np
import pytest
from claims.test_report import put
from helpers.simulated import table

from kreproduce.claims import frontier, report
from kreproduce.claims.matched import Matched

COUNTS = ("computations", "computations_trained")


@pytest.fixture(scope="module")
def protocols(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    simulated = table(np.random.default_rng(1), 2, 0.4, images=2_000)
    put(results, simulated)
    return [section.runs for section in report.report(results).sections]


def texts(svg):
    return " ".join(ET.fromstring(svg).itertext())


def test_every_network_stands_in_it(protocols):
    drawn = texts(frontier.svg(protocols))
    assert all(network in drawn for network in protocols[0].table.networks)
    assert "parameters" in drawn
    assert "computations" in drawn
    assert "measured, seeds: 2" in drawn
    assert "the paper (another protocol), one run each" in drawn
    assert "95% intervals" in drawn


def test_equal_runs_give_equal_bytes(protocols):
    assert frontier.svg(protocols) == frontier.svg(protocols)


def test_without_runs_it_says_so():
    assert "no runs that may be compared are on record" in texts(frontier.svg([]))


@pytest.mark.parametrize("papers", [True, False])
def test_computations_are_counted_as_those_beside_them(protocols, monkeypatch, papers):
    """By the paper's count in its own protocol; elsewhere they are of the network trained."""
    monkeypatch.setattr(Matched, "is_papers", papers)
    panel = MagicMock()
    frontier._draw_measured(panel, protocols[0], "computations")
    records = protocols[0].records.values()
    counted, trained = ({getattr(r, n) for r in records} for n in COUNTS)
    assert counted != trained
    drawn = {call.args[0] for call in panel.errorbar.call_args_list}
    assert drawn == (counted if papers else trained)
