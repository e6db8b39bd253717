"""A Ray cluster on this machine, in a process of its own, that obeys lines of JSON.

Each line is [method, arguments]; the answer is a line, too. It ends with its standard input.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


class RayCluster:
    """Starts the process; its machines see whatever `environment` adds to this one's."""

    def __init__(self, folder, **head):
        folder.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), json.dumps(head)],
            cwd=folder,  # the working folder of all that runs there
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        )
        self.address = self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def __getattr__(self, method):
        def call(**arguments):
            self.process.stdin.write(json.dumps([method, arguments]) + "\n")
            self.process.stdin.flush()
            return self._answer()

        return call

    def _answer(self):
        for line in self.process.stdout:  # Ray says this and that
            if line.startswith("answer: "):
                return json.loads(line.removeprefix("answer: "))
        raise AssertionError("the cluster is gone")


class _Methods:
    def __init__(self, **head):
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False} | head
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes, self.taken, self.ray = {}, {}, ray
        ray.init(address=self.cluster.address, logging_level="ERROR", log_to_driver=False)

    def add(self, name, **arguments):
        self.nodes[name] = self.cluster.add_node(**arguments)
        self.cluster.wait_for_nodes()

    def kill(self, name):
        """As when a machine dies: nothing there can say goodbye."""
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)

    def take_head(self):
        """Somebody else uses the head."""
        place = {"node:__internal_head__": 0.001}
        holder = self.ray.remote(num_cpus=1, resources=place)(_Holder)
        self.taken["head"] = holder.remote()
        self.ray.get(self.taken["head"].is_there.remote())

    def free_head(self):
        self.ray.kill(self.taken.pop("head"))

    def in_use(self):
        """What of CPUs and GPUs is taken."""
        total, free = self.ray.cluster_resources(), self.ray.available_resources()
        return {name: total[name] - free.get(name, 0) for name in ("CPU", "GPU") if name in total}


class _Holder:
    def is_there(self):
        return True


def answer(value):
    """A line that is none of Ray's."""
    sys.stdout.write(f"answer: {json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    methods = _Methods(**json.loads(sys.argv[1]))
    answer(methods.cluster.address)
    for line in sys.stdin:
        method, arguments = json.loads(line)
        answer(getattr(methods, method)(**arguments))
    methods.ray.shutdown()
    methods.cluster.shutdown()
