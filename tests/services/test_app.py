"""The container of all services: what starting it begins, closing it ends."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.errors import UserError
from playground.models.chat_model import ChatModel
from playground.services import app, chat_models
from playground.services.app import Services
from playground.services.chat_models import ChatModels
from playground.settings import Settings
from playground.storage.store import Store
from tests.fakes.waiting import wait_until


def test_no_thread_outlives_the_services(services: Services) -> None:
    before = set(threading.enumerate())
    services.start()
    started = set(threading.enumerate()) - before
    assert started
    services.close()
    assert not [each.name for each in started if each.is_alive()]


def test_the_methods_are_measured_before_a_visitor_looks_at_them(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = threading.Event()
    monkeypatch.setattr(app, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(services.method_costs, "measure", measured.set)
    services.start()
    assert measured.wait(60)
    services.close()


def test_on_zero_gpu_the_model_is_loaded_on_the_thread_that_starts_the_services(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading: list[str] = []
    load = chat_models.load_chat

    def named_load(*given: Any) -> ChatModel:
        loading.append(threading.current_thread().name)
        return load(*given)

    monkeypatch.setattr(chat_models, "load_chat", named_load)
    monkeypatch.setattr(app, "on_zero_gpu", lambda: True)
    services.start()
    services.close()
    assert loading == [threading.current_thread().name]


def test_on_zero_gpu_no_other_model_is_offered(
    settings: Settings, store: Store, long_window_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = replace(settings, chat_models=str(long_window_folder))
    assert len(ChatModels(listed, store).offered_names()) == 2
    monkeypatch.setattr(chat_models, "on_zero_gpu", lambda: True)
    assert ChatModels(listed, store).offered_names() == [ChatModels(listed, store).default]


def test_leftovers_are_swept_again_after_a_database_that_was_busy(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[float] = []

    def sweep() -> None:
        """Raises at first what the store does."""
        swept.append(time.monotonic())
        if len(swept) == 1:
            raise UserError("The server is busy with others' work, so nothing was changed. Try again in a moment.")

    monkeypatch.setattr(app, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(services.exchange, "sweep", sweep)
    services.start()
    assert wait_until(lambda: len(swept) > 1, 10)
    services.close()
