"""The latest self-test of each adapter and of the base, run when an adapter is loaded and on request."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence

from playground.chat.turns import BASE
from playground.device import gpu
from playground.errors import UserError
from playground.inference.self_test import SelfTestReport, run_self_test
from playground.inference.served_adapter import ServedAdapter
from playground.services.chat_models import ChatModels

MAX_ADAPTERS = 2  # in one self-test, beside the base, so that it takes about two seconds
MAX_REPORTS = 1_000  # in memory: one per version of an adapter that was loaded
GPU_SECONDS = 60  # for which a GPU is lent

log = logging.getLogger(__name__)


class SelfTests:
    """Runs self-tests and keeps their reports. A self-test is of one base model, named or the host's own."""

    def __init__(self, chats: ChatModels) -> None:
        self._chats = chats
        self._run_on_gpu = gpu(GPU_SECONDS)(self._test)
        self._reports: OrderedDict[tuple[str, str], SelfTestReport] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, adapters: Sequence[ServedAdapter], base: str = "") -> SelfTestReport:
        """Test the base and the last of these adapters, which are its own, and keep the report for each of them."""
        tested = list({each.hash: each for each in adapters}.values())[-MAX_ADAPTERS:]
        base = base or self._chats.default
        report = self._run_on_gpu(tested, base)
        with self._lock:
            for arm in (BASE, *report.effects):
                self._reports[base, arm] = report.for_arm(arm)
                self._reports.move_to_end((base, arm))
            while len(self._reports) > MAX_REPORTS:
                self._reports.popitem(last=False)
        if not report.passed:
            log.error("The self-test failed: %s", [each for each in report.checks if not each.passed])
        return report

    def run_after_load(self, adapters: Sequence[ServedAdapter], base: str = "") -> None:
        """Run it for a model or an adapter that was just loaded.

        Where memory is short or the weights file cannot be read there is no report, which the page says; the load
        succeeds all the same.
        """
        try:
            self.run(adapters, base)
        except (UserError, RuntimeError, MemoryError, OSError):  # torch raises RuntimeError where memory is short
            log.exception("The self-test could not be run")

    def report(self, adapter: ServedAdapter | None, base: str = "") -> SelfTestReport | None:
        """The latest report for an adapter of a base, or for the base; None where there is none."""
        with self._lock:
            return self._reports.get((base or self._chats.default, adapter.hash if adapter else BASE))

    def _test(self, adapters: Sequence[ServedAdapter], base: str) -> SelfTestReport:
        """On ZeroGPU this runs in a forked process, which has the resident model already."""
        return run_self_test(self._chats.get(base), adapters, self._chats.folder(base))
