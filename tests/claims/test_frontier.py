import xml.etree.ElementTree as ET

import numpy as np
import pytest
from claims.simulated import table
from claims.test_report import put

from kreproduce.claims import frontier, report


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
