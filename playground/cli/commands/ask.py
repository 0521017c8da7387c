"""`ask`: asks several arms one question, in one batch as the page does."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.options import build
from playground.chat import answer as chat_answer
from playground.chat.answer import Answer, Arm, Decoding, load_adapter
from playground.chat.few_shot import Examples, ExampleSelector, located_pairs
from playground.chat.turns import answer_record
from playground.cli.commands.arguments import NEEDS, ON_DEMAND, Line
from playground.cli.commands.search import describe_place, searcher
from playground.device import choose
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source, embedder_source
from playground.prompts import Turn
from playground.settings import Settings
from playground.storage.run_folder import read_documents
from retrieval.embed import Embedder

PASSAGES = 5


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per arm, once all have answered.

    Raises:
        UserError, MethodError, RetrievalError: a model, an adapter or the index cannot be used.
    """
    values = {name: vars(args)[name] for name in ("max_new_tokens", "temperature", "seed")}
    decoding = build(Decoding, {name: value for name, value in values.items() if value is not None})
    model = load_chat(chat_source(settings), choose(), settings.answer_bits)
    loaded = {name: load_adapter(vars(args)[name], model) for name in ("adapter", "other") if vars(args)[name]}
    search = searcher(args.index, settings, PASSAGES) if args.index else None
    arms = [
        Arm(
            name,
            next((adapter for key, adapter in loaded.items() if name in NEEDS[key]), None),
            retrieval=name in NEEDS["index"] and name not in ON_DEMAND,
            few_shot=name in ON_DEMAND,
        )
        for name in args.arms
    ]
    examples = _examples(args.index, settings) if any(arm.few_shot for arm in arms) else None
    histories: list[list[Turn]] = [[] for _ in arms]
    *_, answers = chat_answer.answer(
        model, arms, args.question, histories, search, decoding, ask_anyway=args.ask_anyway, examples=examples
    )
    for each in answers:
        yield answer_record(each), _text(each, args.show_prompt)


def _examples(index: Path, settings: Settings) -> Callable[[str], Examples]:
    """A function that chooses worked examples from the pairs in the documents of an index."""
    documents = read_documents(index)
    source = embedder_source(settings)
    embedder = Embedder(source.folder, name=source.name)
    return lambda question: ExampleSelector().choose(embedder, question, located_pairs(documents))


def _text(answer: Answer, show_prompt: bool) -> str:
    passages = "".join(f"\n  {describe_place(hit)}" for hit in answer.passages)
    if not answer.prompt_tokens:
        refused = "Not in this text, so the model was not asked (--ask-anyway asks it). The nearest passages:"
        return f"{answer.arm}\n{refused}{passages}\n"
    figures = [
        f"prompt of {answer.prompt_tokens} tokens",
        f"first token after {answer.seconds_to_first_token:.1f} s",
        f"{answer.tokens_per_second:.1f} tokens/s" if answer.tokens_per_second else "",
        f"stamp {answer.stamp.id}",
    ]
    passages_text = f"\nIt was given:{passages}" if passages else ""
    prompt_text = f"\nIt was sent:\n{answer.prompt}" if show_prompt else ""
    return f"{answer.arm} ({', '.join(filter(None, figures))})\n{answer.text}{passages_text}{prompt_text}\n"
