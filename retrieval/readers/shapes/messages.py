"""Chat messages in every usual spelling -> `Message`: roles, content parts, weights, names and calls of tools."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retrieval.readers.shapes.unsaid import is_unsaid
from retrieval.readers.shapes.values import answer_of, is_empty, nested, text_of

Role = Literal["system", "user", "assistant", "tool", "call"]

ROLE_NAMES: Mapping[Role, tuple[str, ...]] = {
    "system": ("system", "sys", "developer", "system_prompt", "persona", "<<sys>>", "[system_prompt]"),
    "user": (
        "user", "human", "prompter", "question", "customer", "client", "instruction", "input", "person", "speaker1",
        "speaker_1", "h", "q", "student", "inbound", "incoming", "end-user", "end_user", "caller", "buyer",
        "guest", "patient", "seeker", "[inst]", "context", "visitor", "usr",
        "người dùng", "người_dùng", "khách hàng", "khách", "用户", "usuario", "utilisateur", "benutzer", "nutzer",
    ),
    "assistant": (
        "assistant", "gpt", "bot", "model", "chatgpt", "answer", "ai", "chatbot", "agent", "response", "output", "a",
        "claude", "gemini", "llm", "expert", "support", "speaker2", "speaker_2", "[/inst]", "moss", "teacher", "doctor",
        "outbound", "outgoing", "admin", "operator", "staff", "seller", "advisor", "representative", "rep",
        "helper", "asst", "bing", "bard", "gpt4", "gpt-4", "gpt-3.5", "trợ lý", "trợ_lý",
        "nhân viên", "tư vấn viên", "助手", "asistente",
        "assistent",
    ),
    "tool": (
        "tool", "function", "observation", "ipython", "tool_response", "tool_responses", "function_response",
        "tool_result", "tool_results", "tool_output", "function-response", "function_output",
        "function response",
    ),
    "call": ("function_call", "tool_call", "tool_calls", "function-call", "functioncall"),
}  # fmt: skip
ROLES: dict[str, Role] = {name: role for role, names in ROLE_NAMES.items() for name in names}
ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "vai_tro", "type")
TEXT_KEYS = ("content", "value", "text", "message", "utterance", "parts", "body", "data", "msg", "mes", "noi_dung")
HUMAN_KEYS = ("is_human", "is_user", "isUser", "from_user", "fromUser", "human")
WEIGHT_KEYS = ("weight", "loss_weight", "train", "training", "loss", "learn", "trainable")
# Keys of a turn that holds question and answer together.
ASKED_KEYS = ("user", "human", "input", "question", "prompt", "instruction", "query", "q")
ANSWERED_KEYS = ("assistant", "output", "answer", "response", "bot", "gpt", "model", "a", "moss")
SYSTEM_KEYS = ("system",)
THOUGHTS = ("thinking", "reasoning", "redacted_thinking")
CALLS = ("tool_use", "tool_call", "function_call")
RESULTS = ("tool_result", "function_response")


@dataclass(frozen=True)
class Message:
    """A message; one that is not `learnt` is never a target."""

    role: Role
    text: str
    learnt: bool = True
    name: str = ""


def role_of(name: Any) -> Role | None:
    """The role that a name stands for in any spelling."""
    if isinstance(name, dict):
        name = name.get("role", name.get("name"))
    return ROLES.get(name.strip().casefold()) if isinstance(name, str) else None


def read_messages(value: Any, left: Counter[str]) -> list[Message]:
    """The messages in a value; empty where it holds none. What is not text is counted in `left`.

    It may be a list of messages, of turns with question and answer, of [question, answer], or of texts that alternate;
    or a dictionary that holds such a list, or one message.
    """
    value = nested(value)
    if isinstance(value, dict):
        return _dictionary_messages(value, left)
    if not isinstance(value, list | tuple) or not value:
        return []
    if all(isinstance(each, str) for each in value):
        opened = [nested(each) for each in value]
        if not all(isinstance(each, dict) for each in opened):
            return [Message("assistant" if place % 2 else "user", each.strip()) for place, each in enumerate(value)]
        value = opened
    if all(isinstance(each, list | tuple) for each in value):
        return [message for each in value for message in _listed_turn(each)]
    speakers = _two_speakers(value)
    return [message for each in value if isinstance(each, dict) for message in _messages_in(each, speakers, left)]


def holds_messages(value: Any) -> bool:
    """Whether a value is a conversation by its form: it has messages of a user or an assistant."""
    value = nested(value)
    if isinstance(value, str) or is_empty(value):
        return False
    return any(message.role in ("user", "assistant") for message in read_messages(value, Counter()))


def _dictionary_messages(value: dict[str, Any], left: Counter[str]) -> list[Message]:
    """A single message or turn, or the list of messages inside."""
    single = _messages_in(value, {}, Counter())
    if single:
        return _messages_in(value, {}, left)
    if all(isinstance(each, dict) for each in value.values()):  # turns by their numbers
        return read_messages(list(value.values()), left)
    inside = [each for each in value.values() if _is_message_list(each) and holds_messages(each)]
    return read_messages(inside[0], left) if inside else []


def _is_message_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict | list) for each in value)


def _listed_turn(turn: Sequence[Any]) -> list[Message]:
    """[question, answer], or [role, text]."""
    if len(turn) != 2 or not all(isinstance(each, str) for each in turn):
        return []
    role = role_of(turn[0])
    if role:
        return [Message(role, text_of(turn[1]))]
    return [Message("user", text_of(turn[0])), Message("assistant", text_of(turn[1]))]


def _two_speakers(messages: Sequence[Any]) -> dict[str, Role]:
    """Roles for two names that are no known roles: who speaks first asks."""
    named = [_first(each, ROLE_KEYS[:-1]) for each in messages if isinstance(each, dict)]
    names = list(dict.fromkeys(name for name in named if isinstance(name, str)))
    if len(names) != 2 or any(map(role_of, names)):
        return {}
    return {names[0]: "user", names[1]: "assistant"}


def _messages_in(message: dict[str, Any], speakers: Mapping[str, Role], left: Counter[str]) -> list[Message]:
    """What one dictionary says: a message with its parts, or a turn of question and answer."""
    inner = message.get("message")
    if isinstance(inner, dict) and not any(role_of(message.get(key)) for key in ROLE_KEYS):
        return _messages_in(inner, speakers, left)
    name = _first(message, ROLE_KEYS) or _flagged_role(message)
    role = speakers.get(name) if isinstance(name, str) and name in speakers else role_of(name)
    if role is None:
        message = {str(key).casefold(): each for key, each in message.items()}
        turn = [*_keyed(message, SYSTEM_KEYS, "system"), *_keyed(message, ASKED_KEYS, "user")]
        turn += _keyed(message, ANSWERED_KEYS, "assistant")
        left["unknown_role"] += not turn and isinstance(name, str)
        return turn
    if is_unsaid(message):
        left["unsaid"] += 1
        return []
    if role == "assistant" and message.get("recipient", "all") not in ("all", None):
        role = "call"  # of ChatGPT to one of its tools
    learnt = all(_counts(message[key]) for key in WEIGHT_KEYS if key in message)
    speaker = message["name"] if isinstance(message.get("name"), str) else ""
    content = _first(message, TEXT_KEYS)
    found = [Message(role, text, learnt, speaker) for role, text in _parts(role, content, left)]
    calls = [text for key in ("tool_calls", "function_call") for text in _calls(message.get(key))]
    return [*found, *(Message("call", text) for text in calls)]


def _flagged_role(message: Mapping[str, Any]) -> str | None:
    """The speaker where only a yes or no tells: whether a person wrote it, or whether it is to be learnt."""
    sources = [message, *(each for each in message.values() if isinstance(each, dict))]
    human = next((each[key] for each in sources for key in HUMAN_KEYS if isinstance(each.get(key), bool)), None)
    if human is None and isinstance(message.get("label"), bool):
        human = not message["label"]
    return None if human is None else "user" if human else "assistant"


def _keyed(turn: Mapping[str, Any], keys: Sequence[str], role: Role) -> Iterator[Message]:
    text = answer_of(_first(turn, keys))
    if text:
        yield Message(role, text)


def _first(values: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((values[key] for key in keys if not is_empty(values.get(key))), None)


def _counts(weight: Any) -> bool:
    """Whether a message of this weight is learnt."""
    return str(weight).strip().casefold() not in ("0", "0.0", "false", "no")


def _parts(role: Role, content: Any, left: Counter[str]) -> Iterator[tuple[Role, str]]:
    """The texts of a content in order; neighbouring parts of one role are joined."""
    if isinstance(content, str) or not isinstance(content, list | dict):
        yield role, text_of(content)
        return
    if isinstance(content, dict) and "parts" in content:
        content = content["parts"]
    # Telegram cuts one text where a link begins; parts of others are paragraphs.
    pieces = isinstance(content, list) and {str, dict} <= {type(part) for part in content}
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        other = _other_part(part)
        if other:
            yield from _joined_texts(role, texts, pieces)
            texts = []
            yield other
        elif isinstance(part, str) or (isinstance(part, dict) and ("text" in part or "content" in part)):
            texts.append(part if pieces and isinstance(part, str) else text_of(part))
        else:
            left["thoughts" if _is_thought(part) else "media"] += 1
    yield from _joined_texts(role, texts, pieces)


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") in THOUGHTS or "thoughts" in part)


def _joined_texts(role: Role, texts: Sequence[str], pieces: bool) -> Iterator[tuple[Role, str]]:
    if texts:
        yield role, ("" if pieces else "\n").join(filter(None, texts)).strip()


def _other_part(part: Any) -> tuple[Role, str] | None:
    """A part that calls a tool, or brings its result."""
    kind = part.get("type") if isinstance(part, dict) else ""
    if kind in CALLS:
        return "call", _call_text(part.get("name"), part.get("input", part.get("arguments")))
    if kind in RESULTS:
        return "tool", text_of(part.get("content", part.get("response")))
    return None


def _calls(value: Any) -> list[str]:
    """Calls of tools in the forms of OpenAI and others."""
    value = nested(value)
    calls = value if isinstance(value, list) else [] if is_empty(value) else [value]
    texts = []
    for call in calls:
        inner = call.get("function", call) if isinstance(call, dict) else call
        is_named = isinstance(inner, dict) and "name" in inner
        texts.append(_call_text(inner["name"], inner.get("arguments")) if is_named else text_of(inner))
    return texts


def _call_text(name: Any, arguments: Any) -> str:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return f"{name}({written})"
