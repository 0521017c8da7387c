"""The trade-off of adapting only the layers nearest the output, as measured once; see docs/log.md.

From "Fewer layers, what lies below kept": LoRA with SmolLM2-135M-Instruct on the US Constitution, two CPU cores, runs
planned for 60 s that took about 50 s each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

BLOCKS = 30  # of the model that was measured
METHOD, RUN_SECONDS = "lora", 50  # the method, and the duration of each run


@dataclass(frozen=True)
class LayerTradeoff:
    """A number of adapted layers: the speed over that of all layers, and the held-out loss, in nats per token.

    The loss is that after equal time.
    """

    layers: int
    speed: float
    loss: float


MEASURED = (
    LayerTradeoff(30, 1.00, 2.362),
    LayerTradeoff(15, 1.27, 2.386),
    LayerTradeoff(10, 1.82, 2.454),
    LayerTradeoff(6, 3.23, 2.557),
)


def interpolate(layers: int, measured: Sequence[LayerTradeoff] = MEASURED) -> LayerTradeoff | None:
    """The trade-off of `layers` adapted layers (0: all), between the measured points; None beyond them."""
    wanted = layers or measured[0].layers
    for more, fewer in zip(measured, measured[1:], strict=False):
        if fewer.layers <= wanted <= more.layers:
            part = (more.layers - wanted) / (more.layers - fewer.layers)
            speed, loss = more.speed + part * (fewer.speed - more.speed), more.loss + part * (fewer.loss - more.loss)
            return LayerTradeoff(wanted, speed, loss)
    return None
