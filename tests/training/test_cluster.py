"""One run on several machines is refused."""

import json

import pytest

from kreproduce.errors import SettingsError
from kreproduce.training import cluster


def config(**members):
    return json.dumps({"cluster": members, "task": {"type": "worker", "index": 0}})


@pytest.mark.parametrize(
    ("text", "number"),
    [(config(worker=["a:1", "b:1"]), 2), (config(chief=["a:1"], worker=["b:1", "c:1"]), 3)],
)
def test_several_workers_are_sent_to_the_sweep(text, number):
    with pytest.raises(SettingsError, match=f"names {number} workers.*kreproduce sweep --shard"):
        cluster.check(text)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "{}", "[]", "3", "{", config(), config(worker=["a:1"]), config(chief=["a:1"])),
        *(
            config(worker=3),
            config(worker="a:1"),
            config(worker=["a:1"], ps=["b:1"], evaluator=["c:1"]),
            "[" * 100_000,
        ),
    ],
)
def test_one_worker_or_none_is_no_cluster(text):
    cluster.check(text)


def test_the_command_line_refuses_it(kreproduce, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config(worker=["a:1", "b:1"]))
    refused = kreproduce("run", "digits")
    assert refused.code == 2
    assert refused.message.startswith("kreproduce: TF_CONFIG names 2 workers")
    assert refused.imported == []
    assert list(kreproduce.folder.iterdir()) == []
