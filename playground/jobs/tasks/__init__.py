"""What a worker can do: one module per task, with the name in a run's config (`"kind": "train"` is `train.py`).

Each has one function, which the worker calls in a process of its own:

    run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]

- It finds all it needs in the run's folder (config.json and the files queued with it) and writes its results there.
- It yields events as plain JSON. While it works: `{"event": "progress", "step": 3, "steps": 40, "seconds_left": 12.5}`;
  the page and the queue read these four keys, and there may be more. At the end: `{"event": "finished", "reason":
  "done"}`, whose other values are the run's figures. A run without that last event has failed.
- When `should_stop()` is true it saves what it needs in `folder/checkpoint` and ends with the reason "stopped". It
  calls `should_stop` so often that a stop takes less than two seconds. When called again, it continues from the
  checkpoint; the worker removes `checkpoint` once the run is done.
- It raises UserError with a sentence for the visitor; any other exception is logged with its traceback.
"""
