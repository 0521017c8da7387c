"""`ask`: asks several arms one question, in one batch as the page does."""

from argparse import Namespace
from collections.abc import Iterator

from playground.chat.answer import Answer
from playground.chat.turns import answer_record
from playground.cli.commands.arguments import Line
from playground.cli.commands.search import describe_place
from playground.settings import Settings
from playground.surface.arms import Arms, ask


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per arm, once all have answered.

    Raises:
        UserError, MethodError, RetrievalError: a model, an adapter or the index cannot be used.
    """
    arms = Arms(adapter=args.adapter, other=args.other, index=args.index, settings=settings)
    values = {name: vars(args)[name] for name in ("max_new_tokens", "temperature", "thinking", "seed")}
    decoding = {name: value for name, value in values.items() if value is not None}
    answers = ask(arms, args.question, args.arms, args.ask_anyway, **decoding)
    for each in answers.values():
        yield answer_record(each), _text(each, args.show_prompt)


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
    thoughts = f"It thought:\n{answer.thoughts}\nand said:\n" if answer.thoughts else ""
    prompt_text = f"\nIt was sent:\n{answer.prompt}" if show_prompt else ""
    return f"{answer.arm} ({', '.join(filter(None, figures))})\n{thoughts}{answer.text}{passages_text}{prompt_text}\n"
