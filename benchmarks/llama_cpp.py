"""llama.cpp over a GGUF that `playground.export.gguf` wrote; runs under any Python that has xllamacpp.

`PYTHON llama_cpp.py FILE THREADS TOKENS` reads a JSON list of prompts from its input, each token ids or a text, and
writes for each llama.cpp's greedy answer, the number of prompt tokens, and the tokens per second after the first.
"""

import json
import sys

import xllamacpp


def main() -> None:
    """One JSON list on the output's last line."""
    file, threads, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    server = xllamacpp.Server(parameters(file, threads))
    print(json.dumps([answer(server, prompt, tokens) for prompt in json.load(sys.stdin)]))


def parameters(file: str, threads: int) -> xllamacpp.CommonParams:
    """Parameters for one sequence on `threads` threads."""
    asked = xllamacpp.CommonParams()
    asked.model.path = file
    asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = threads
    asked.n_ctx, asked.n_parallel, asked.verbosity = 1024, 1, 0
    return asked


def answer(server: xllamacpp.Server, prompt: list[int] | str, tokens: int) -> dict[str, object]:
    """The greedy answer as text; an end token does not end it."""
    settings = {"temperature": 0, "cache_prompt": False, "ignore_eos": True, "n_predict": tokens}
    given = server.handle_completions({"prompt": prompt, **settings})
    found = json.loads(given) if isinstance(given, str) else given
    return {
        "text": found["choices"][0]["text"],
        "read": found["usage"]["prompt_tokens"],
        "pace": found["timings"]["predicted_per_second"],
    }


if __name__ == "__main__":
    main()
