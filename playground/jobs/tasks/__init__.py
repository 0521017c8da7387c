"""What a worker can do: one file a kind, named as a run's config names it (`"kind": "train"` is `train.py`).

Each has one function, which the worker calls in a process of its own:

    run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]

- It finds all it needs in the run's folder (config.json and whatever was queued with it) and writes its results there.
- It yields events, plain JSON. `{"event": "progress", "step": 3, "steps": 40, "seconds_left": 12.5, …}` as it goes on:
  the page and the queue read these four. Last comes `{"event": "finished", "reason": "done", …}`, whose other values
  are the run's figures. Without it the run has failed.
- When `should_stop()` is true it saves what it needs in `folder/checkpoint`, and ends with the reason "stopped". It is
  asked often, so that a stop takes less than two seconds. Called again, it goes on from there; the worker removes
  `checkpoint` once the run is done.
- For the visitor's sake it raises UserError with a sentence; what else it raises is logged as a fault of ours.
"""
