"""The latest self-test of each adapter and of the base, made when an adapter is loaded and when somebody asks."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from playground.device import gpu
from playground.inference.self_test import SelfTestReport, run_self_test
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel

BASE = "base"
MOST = 2  # adapters in one self-test, beside the base: it is to take about two seconds
SECONDS = 60  # of a lent GPU

log = logging.getLogger(__name__)


class Proofs:
    """Makes and keeps them; `chat` and `weights` give the resident model and the folder it was loaded from."""

    def __init__(self, chat: Callable[[], ChatModel], weights: Callable[[], Path]) -> None:
        self._chat, self._weights = chat, weights
        self._prove = gpu(SECONDS)(run_self_test)
        self._kept: dict[str, SelfTestReport] = {}

    def make(self, adapters: Sequence[ServedAdapter]) -> SelfTestReport:
        """Test the base and the last of these adapters; what it says of each is kept."""
        tested = list({each.hash: each for each in adapters}.values())[-MOST:]
        proof = self._prove(self._chat(), tested, self._weights())
        for arm in (BASE, *proof.effects):
            self._kept[arm] = proof.for_arm(arm)
        if not proof.passed:
            log.error("The self-test failed: %s", [each for each in proof.checks if not each.passed])
        return proof

    def make_quietly(self, adapters: Sequence[ServedAdapter]) -> None:
        """The same for a load, which does not fail because its test could not be made: then there is no proof."""
        try:
            self.make(adapters)
        except Exception:
            log.exception("The self-test could not be made")

    def of(self, adapter: ServedAdapter | None) -> SelfTestReport | None:
        """The latest of an adapter, or of the base; None where there was none."""
        return self._kept.get(adapter.hash if adapter else BASE)
