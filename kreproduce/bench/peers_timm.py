"""timm's EfficientNet-B0 in PyTorch: the shapes of our baseline, a training step and inference."""

import time
from abc import ABC, abstractmethod
from typing import Any

from kreproduce.bench.case import Case, noise
from kreproduce.bench.timing import warmed_up
from kreproduce.network import operations as op
from kreproduce.network.cost import count
from kreproduce.network.description import describe

_STRIDED = ("blocks.1.0", "blocks.2.0", "blocks.3.0", "blocks.5.0")  # whose depthwise ones stride


class _Measured(ABC):
    """What both forms share; see `steps.Training` for the attributes.

    Args:
        case: of the baseline.
        way: "nchw" or "channels_last", as PyTorch lays out the images; "compiled" is the latter
            through `torch.compile`.
        threads: of PyTorch.
    """

    def __init__(self, case: Case, way: str, threads: int):
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(1)
        started = time.perf_counter()
        size = case.experiment.input_size
        images = noise(case.experiment.batch_size, size).astype("float32") / 255
        network = _network(case)
        _check_same(network, case)
        self.parameters = sum(weight.numel() for weight in network.parameters())
        layout = torch.contiguous_format if way == "nchw" else torch.channels_last
        self._network = network.to(memory_format=layout)
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self._labels = torch.arange(len(images)) % case.experiment.classes
        self._begin()
        if way == "compiled":
            self._network = torch.compile(self._network)
        self.set_up = time.perf_counter() - started
        self.first, self.steps = warmed_up(self._take)

    def __call__(self) -> float:
        """Seconds a step, over about a second's steps."""
        return self._take(self.steps) / self.steps

    @abstractmethod
    def _begin(self) -> None:
        """Make ready what a step needs besides the network."""

    @abstractmethod
    def _step(self) -> None:
        """Take one."""

    def _take(self, steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            self._step()
        return time.perf_counter() - started


class Training(_Measured):
    """Forward, loss, backward and RMSprop, on images that are ready: no augmentation."""

    form = "training"

    def _begin(self) -> None:
        import torch

        self._network.train()
        self._optimizer = torch.optim.RMSprop(
            self._network.parameters(), lr=0.001, alpha=0.9, eps=1e-7, foreach=True
        )

    def _step(self) -> None:
        import torch

        self._optimizer.zero_grad(set_to_none=True)
        logits = self._network(self._images)
        torch.nn.functional.cross_entropy(logits, self._labels).backward()
        self._optimizer.step()


class Inference(_Measured):
    """Class probabilities of images that are ready."""

    form = "inference"

    def _begin(self) -> None:
        self._network.eval()

    def _step(self) -> None:
        import torch

        with torch.inference_mode():
            torch.softmax(self._network(self._images), -1)


def _network(case: Case) -> Any:
    import timm
    import torch

    experiment = case.experiment
    network = timm.create_model(
        "efficientnet_b0",
        num_classes=experiment.classes,
        drop_rate=0.2,
        drop_path_rate=0.2,  # of which each of 16 blocks has its share, as ours
    )
    blocks = [network.get_submodule(name) for name in _STRIDED]
    strided = [(network, "conv_stem"), *((block, "conv_dw") for block in blocks)]
    for number, (owner, name) in enumerate(strided):
        layer = getattr(owner, name)
        if number < experiment.skip_strides:
            layer.stride = (1, 1)
        # Where strides are skipped the authors' sizes are odd, and padded by the rule for even
        # ones, in the stem also where it does not stride.
        if experiment.skip_strides and (number == 0 or number >= experiment.skip_strides):
            padding = layer.kernel_size[0] // 2
            layer.padding = (0, 0)
            before = torch.nn.ZeroPad2d((padding - 1, padding, padding - 1, padding))
            setattr(owner, name, torch.nn.Sequential(before, layer))
    return network


def _check_same(network: Any, case: Case) -> None:
    """Hold that all convolutions give what ours give, and the parameters are as many."""
    import torch

    found: list[tuple[int, ...]] = []
    hooks = [
        layer.register_forward_hook(
            lambda _layer, _inputs, output: found.append((*output.shape[2:], output.shape[1]))
        )
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    size = case.experiment.input_size
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    convolutions = (op.Convolution, op.DepthwiseConvolution, op.Pointwise)
    nodes = describe(case.experiment.architecture).nodes
    ours = [tuple(node.shape) for node in nodes if isinstance(node.operation, convolutions)]
    if found != ours:
        different = [pair for pair in zip(found, ours, strict=False) if pair[0] != pair[1]]
        raise RuntimeError(
            f"timm has {len(found)} convolutions, we {len(ours)}; of other shapes: {different[:3]}"
        )
    theirs = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    parameters = count(case.experiment.architecture).parameters
    if theirs != parameters:
        raise RuntimeError(f"timm has {theirs:,} parameters, we {parameters:,}")
