"""Chat markup inside a text -> messages. A row of MARKUPS is one template family."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.readers.shapes.messages import Message, role_of

MAX_PREAMBLE = 600  # characters before the first turn of a markup without control tokens


@dataclass(frozen=True)
class Markup:
    """How a template opens a turn: the group "role" of `opener` names the speaker.

    `marked` says that openers are control tokens, which no other text has.
    """

    name: str
    opener: re.Pattern[str]
    marked: bool = True


def _markup(name: str, opener: str, marked: bool = True) -> Markup:
    return Markup(name, re.compile(opener, re.MULTILINE), marked)


MARKUPS: Sequence[Markup] = (
    _markup("ChatML", r"<\|im_start\|>[ \t]*(?P<role>\w+)(?:<\|im_sep\|>|[^\n<]*\n?)"),
    _markup("Llama 3", r"<\|start_header_id\|>\s*(?P<role>\w+)\s*<\|end_header_id\|>\s*"),
    _markup("Llama 4", r"<\|header_start\|>\s*(?P<role>\w+)\s*<\|header_end\|>\s*"),
    _markup("Gemma", r"<start_of_turn>[ \t]*(?P<role>\w+)[ \t]*\n?"),
    _markup("Gemma 4", r"<\|turn>[ \t]*(?P<role>\w+)[ \t]*\n?"),
    _markup("Command R", r"<\|START_OF_TURN_TOKEN\|><\|(?P<role>USER|CHATBOT|SYSTEM)_TOKEN\|>"),
    _markup("Granite", r"<\|start_of_role\|>(?P<role>\w+)<\|end_of_role\|>"),
    _markup("Harmony", r"<\|start\|>(?P<role>\w+)(?:<\|channel\|>\w+)?<\|message\|>"),
    _markup("Zephyr", r"<\|(?P<role>user|assistant|system|prompter|model|bot|human|observation)\|>\s*"),
    _markup("Baize and MOSS", r"\[?<?\|(?P<role>Human|AI|MOSS)\|[\]>]:?\s*"),
    _markup("DeepSeek", r"<[｜|](?P<role>User|Assistant)[｜|]>\s*"),
    _markup("Llama 2 and Mistral", r"(?P<role>\[/?INST\]|\[SYSTEM_PROMPT\]|<<SYS>>)\s*"),
    _markup("OIG", r"^<(?P<role>human|bot|user|assistant|system)>:[ \t]*", marked=False),
    _markup("OpenChat", r"GPT4 Correct (?P<role>User|Assistant):\s*", marked=False),
    _markup(
        "Alpaca",
        r"^[ \t]*#{2,3} *(?P<role>System|Instruction|Input|Context|Response|Human|User|Assistant"
        r"|Question|Answer|Output)(?: *\([^)\n]*\))?:?[ \t]*\n?",
        marked=False,
    ),
    _markup("Guanaco", r"### *(?P<role>Human|User|Assistant|Bot): *", marked=False),
    _markup("Vicuna", r"(?:^|(?<=[\s>]))(?P<role>USER|ASSISTANT|SYSTEM|FUNCTION RESPONSE): *", marked=False),
    _markup(
        "Anthropic",
        r"^(?P<role>Human|Assistant|User|System|AI|Bot|Customer|Agent|Visitor|Operator|Khách hàng|Khách|Nhân viên"
        r"|Tư vấn viên|Người dùng|Trợ lý): *",
        marked=False,
    ),
    _markup("questions and answers", r"^(?P<role>Q|A|Question|Answer): *", marked=False),
)
CLOSERS = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|eot|end_of_text|begin_of_text|endoftext|end|return|END_OF_TURN_TOKEN|end_of_turn)\|>"
    r"|<end_of_turn>|<turn\|>|<bos>|<eos>|</?s>|<｜(?:end|begin)▁of▁sentence｜>|<BOS_TOKEN>|<EOS_TOKEN>|\[gMASK\]<sop>"
    r"|<</SYS>>|\[/SYSTEM_PROMPT\]|<eo[hatcrm]>|<\|assistant_end\|>|<\|user_end\|>"
)
CALCULATIONS = re.compile(r"<<[\d\s+*/.,()=%^-]+>>")  # of GSM8K
PREAMBLE = re.compile(r"Below is an instruction that describes a task.*", re.DOTALL)


def read_markup(text: str) -> list[Message]:
    """The turns of a text in chat markup, empty ones included; an empty list where it has none.

    A markup without control tokens counts only where the text begins with it or with a short preamble, and both
    sides speak.
    """
    for markup in MARKUPS:
        openers = [match for match in markup.opener.finditer(text) if role_of(match["role"])]
        if not openers:
            continue
        messages = _turns(text, openers)
        roles = {message.role for message in messages}
        if markup.marked or ({"user", "assistant"} <= roles and openers[0].start() <= MAX_PREAMBLE):
            return messages
    return []


def is_conversation(text: str) -> bool:
    """Whether a text in chat markup holds an answer."""
    return any(message.role == "assistant" and message.text for message in read_markup(text))


def has_control_tokens(text: str) -> bool:
    """Whether a text has turns whose openers are control tokens."""
    return any(markup.marked and markup.opener.search(text) for markup in MARKUPS)


def without_closers(text: str) -> str:
    """The text without the control tokens that end or begin it."""
    return CALCULATIONS.sub("", CLOSERS.sub("", text)).strip()


def expanded(messages: Sequence[Message]) -> list[Message]:
    """The messages, those whose text is chat markup taken apart; an open turn without text is dropped."""
    apart: list[Message] = []
    for message in messages:
        turns = read_markup(message.text) if message.role in ("user", "assistant") else []
        if turns and (message.role == "user" or any(turn.role == "assistant" for turn in turns)):
            apart += [Message(turn.role, turn.text, message.learnt, message.name) for turn in turns if turn.text]
        elif message.role in ("user", "assistant"):
            apart.append(Message(message.role, without_closers(message.text), message.learnt, message.name))
        else:
            apart.append(message)
    return apart


def _turns(text: str, openers: Sequence[re.Match[str]]) -> list[Message]:
    """What stands before the first turn as system text, and each turn."""
    ends = [*(match.start() for match in openers[1:]), len(text)]
    before = PREAMBLE.sub("", without_closers(text[: openers[0].start()])).strip()
    messages = [Message("system", before)] if before else []
    for match, end in zip(openers, ends, strict=True):
        messages += _one_turn(match["role"], text[match.end() : end])
    return messages


def _one_turn(name: str, body: str) -> list[Message]:
    """The turn; of Llama 2's system block also the question behind it."""
    role = role_of(name) or "user"
    if name == "<<SYS>>" and "<</SYS>>" in body:
        system, _, asked = body.partition("<</SYS>>")
        return [Message("system", without_closers(system)), Message("user", without_closers(asked))]
    return [Message(role, without_closers(body).removesuffix("###").strip())]
