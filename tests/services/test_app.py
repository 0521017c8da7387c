"""The container of all services: what starting it begins, closing it ends."""

import threading

from playground.services.app import Services


def test_no_thread_outlives_the_services(services: Services) -> None:
    before = set(threading.enumerate())
    services.start()
    started = set(threading.enumerate()) - before
    assert started
    services.close()
    assert not [each.name for each in started if each.is_alive()]
