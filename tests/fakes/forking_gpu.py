"""A stand-in for ZeroGPU's `spaces.GPU`: each call runs in a process forked for it, and only pickles pass."""

import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

FORK = multiprocessing.get_context("fork")


def forking_gpu(duration: int) -> Callable[[Callable[..., Iterator[Any]]], Callable[..., Iterator[Any]]]:
    """Decorator for generator functions, as `playground.device.gpu` is on ZeroGPU."""

    def decorate(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def call(*arguments: Any) -> Iterator[Any]:
            reading, writing = FORK.Pipe(duplex=False)
            process = FORK.Process(target=_work, args=(function, pickle.dumps(arguments), writing))
            process.start()
            writing.close()
            try:
                yield from _received(reading)
            finally:
                process.terminate()
                process.join()

        return call

    return decorate


def _work(function: Callable[..., Iterator[Any]], arguments: bytes, writing: Connection) -> None:
    for each in function(*pickle.loads(arguments)):
        writing.send(each)
    writing.close()


def _received(reading: Connection) -> Iterator[Any]:
    while True:
        try:
            yield reading.recv()
        except EOFError:
            return
