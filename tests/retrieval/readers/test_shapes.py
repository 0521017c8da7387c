"""Training files of every usual shape become the pairs that their owners meant."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from retrieval.document import Document
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl

ASK, SAY, RULES = "What is bay 1 for?", "Bay 1 is for boats.", "Be brief."
PAIR = [(ASK, SAY)]
CHAT = [{"role": "user", "content": ASK}, {"role": "assistant", "content": SAY}]
BAD = "No idea."


@dataclass(frozen=True)
class Case:
    """A file's content, and the pairs, the first pair's system text, turns and context, and a note's words."""

    name: str
    content: Any
    pairs: list[tuple[str, str]]
    system: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    context: str = ""
    note: str = ""
    suffix: str = "jsonl"


def said(role: str, text: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def context_of(document: Document) -> str:
    return document.text[slice(*document.pairs[0].context)] if document.pairs[0].context else ""


MESSAGES = [
    Case("several parts", {"messages": [said("user", parts("What is", "bay 1 for?")), said("assistant", parts(SAY))]},
         [("What is\nbay 1 for?", SAY)]),
    Case("a part that is a picture", {"messages": [said("user", [{"type": "image_url", "image_url": {"url": "x"}},
         *parts(ASK)]), said("assistant", SAY)]}, PAIR, note="Pictures and other files in messages left out: 1"),
    Case("parts of the Responses API", {"messages": [said("user", [{"type": "input_text", "text": ASK}]),
         said("assistant", [{"type": "output_text", "text": SAY}])]}, PAIR),
    Case("parts that are strings", {"messages": [said("user", [ASK]), said("assistant", [SAY])]}, PAIR),
    Case("Anthropic's system key", {"system": RULES, "messages": [said("user", parts(ASK)), said("assistant",
         parts(SAY))]},
         PAIR, RULES),
    Case("a thought beside the answer", {"messages": [said("user", ASK), said("assistant",
         [{"type": "thinking", "thinking": "hm"}, *parts(SAY)])]}, PAIR, note="Thoughts"),
    Case("Gemini", {"systemInstruction": {"role": "system", "parts": [{"text": RULES}]},
         "contents": [{"role": "user", "parts": [{"text": ASK}]}, {"role": "model", "parts": [{"text": SAY}]}]},
         PAIR, RULES),
    Case("Bedrock Converse", {"system": [{"text": RULES}], "messages": [said("user", [{"text": ASK}]),
         said("assistant", [{"text": SAY}])]}, PAIR, RULES),
    Case("ShareGPT", {"conversations": [{"from": "system", "value": RULES}, {"from": "human", "value": ASK},
         {"from": "gpt", "value": SAY}]}, PAIR, RULES),
    Case("ShareGPT with a system column", {"conversations": [{"from": "human", "value": ASK}, {"from": "gpt",
         "value": SAY}],
         "system": RULES}, PAIR, RULES),
    Case("roles in capitals", {"messages": [said("USER", ASK), said("ASSISTANT", SAY)]}, PAIR),
    Case("roles bot and customer", {"messages": [said("customer", ASK), said("agent", SAY)]}, PAIR),
    Case("speaker and text", {"dialogue": [{"speaker": "USER", "text": ASK}, {"speaker": "SYSTEM", "text": RULES},
         {"speaker": "bot", "text": SAY}]}, PAIR, RULES),
    Case("two speakers with names", {"dialog": [{"speaker": "Ann", "text": ASK}, {"speaker": "Bob", "text": SAY}]},
         PAIR),
    Case("author and body", {"thread": [{"author": "user", "body": ASK}, {"author": "assistant", "body": SAY}]}, PAIR),
    Case("human and assistant in a turn", {"conversation": [{"human": ASK, "assistant": SAY}]}, PAIR),
    Case("a list of question and answer", {"conversation": [[ASK, SAY], ["Sure?", "Yes."]]}, [*PAIR, ("Sure?",
         "Yes.")]),
    Case("texts that alternate", {"dialog": [ASK, SAY, "Sure?", "Yes."]}, [*PAIR, ("Sure?", "Yes.")]),
    Case("messages as JSON text", {"messages": json.dumps(CHAT)}, PAIR),
    Case("a conversation as an object", {"conversation": {"messages": CHAT, "id": 4}}, PAIR),
    Case("a bare list per line", CHAT, PAIR),
    Case("LangChain", {"messages": [{"type": "human", "content": ASK}, {"type": "ai", "content": SAY}]}, PAIR),
    Case("UltraChat", {"prompt": ASK, "prompt_id": "x", "messages": CHAT}, PAIR, note="prompt, prompt_id"),
    Case("data of UltraChat", {"id": "0", "data": [ASK, SAY]}, PAIR),
    Case("a message column with other keys", {"messages": CHAT, "tools": [], "parallel_tool_calls": False}, PAIR),
    Case("Claude's export", [{"uuid": "x", "chat_messages": [{"sender": "human", "text": ASK},
         {"sender": "assistant", "text": SAY}]}], PAIR, suffix="json"),
    Case("PIPPA", {"conversation": [{"message": ASK, "is_human": True}, {"message": SAY, "is_human": False}]}, PAIR),
    Case("segments of axolotl", {"segments": [{"label": False, "text": ASK}, {"label": True, "text": SAY}]}, PAIR),
    Case("Telegram", {"name": "x", "messages": [{"id": 1, "from": "Ann", "text": ASK}, {"id": 2, "from": "Bob",
         "text": SAY}]},
         PAIR, suffix="json"),
    Case("a log of requests", {"input": [said("user", ASK)], "output": {"choices": [{"message": said("assistant",
         SAY)}]}}, PAIR),
    Case("a request inside", {"custom_id": "1", "body": {"model": "m", "messages": CHAT}}, PAIR),
    Case("an answer that is JSON", {"messages": [said("user", ASK), said("assistant", '{"text": "boats"}')]},
         [(ASK, '{"text": "boats"}')]),
]  # fmt: skip

TURNS = [
    Case("earlier turns and the system text", {"messages": [said("system", RULES), *CHAT, said("user", "Sure?"),
         said("assistant", "Yes.")]}, [*PAIR, ("Sure?", "Yes.")], RULES),
    Case("a greeting first", {"messages": [said("assistant", "Hello!"), *CHAT]}, PAIR, turns=(("", "Hello!"),),
         note="Answers without a question"),
    Case("a question at the end", {"messages": [*CHAT, said("user", "And bay 2?")]}, PAIR,
         note="Questions without an answer"),
    Case("a system text in the middle", {"messages": [said("system", "A."), said("system", "B."), *CHAT]}, PAIR,
         "A.\nB."),
    Case("three of one role", {"messages": [said("user", "hey"), said("user", "you"), said("user", "there"),
         said("assistant", "yes")]}, [("hey\nyou\nthere", "yes")]),
    Case("several names", {"messages": [said("user", "hi", name="Ann"), said("user", "hey", name="Bob"),
         said("assistant", "hello")]}, [("Ann: hi\nBob: hey", "hello")]),
    Case("history of Alpaca", {"instruction": "Sure?", "input": "", "output": "Yes.", "system": RULES,
         "history": [[ASK, SAY]]},
         [("Sure?", "Yes.")], RULES, ((ASK, SAY),)),
    Case("history of messages", {"question": "Sure?", "answer": "Yes.", "history": CHAT}, [("Sure?", "Yes.")], "",
         ((ASK, SAY),)),
    Case("chat_history of Cohere", {"message": "Sure?", "chat_history": [{"role": "User", "message": ASK},
         {"role": "Chatbot", "message": SAY}], "response": "Yes."}, [("Sure?", "Yes.")], "", ((ASK, SAY),)),
    Case("empty messages", {"messages": [said("system", ""), said("user", ASK), said("assistant", ""),
         said("assistant", SAY)]}, PAIR),
]  # fmt: skip

WEIGHTS = [
    Case("weight as text", {"messages": [said("user", "a"), said("assistant", BAD, weight="0"), *CHAT]}, PAIR,
         turns=(("a", BAD),), note="weight 0 that are never learnt: 1"),
    Case("weight 0.0", {"messages": [said("user", "a"), said("assistant", BAD, weight=0.0), *CHAT]}, PAIR,
         turns=(("a", BAD),)),
    Case("train: false", {"messages": [said("user", "a"), said("assistant", BAD, train=False), *CHAT]}, PAIR,
         turns=(("a", BAD),)),
    Case("loss: false", {"messages": [said("user", "a"), said("assistant", BAD, loss=False), *CHAT]}, PAIR,
         turns=(("a", BAD),)),
    Case("ShareGPT with weight", {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": BAD,
         "weight": 0},
         {"from": "human", "value": ASK}, {"from": "gpt", "value": SAY, "weight": 1}]}, PAIR, turns=(("a", BAD),)),
    Case("neighbours of other weight", {"messages": [said("user", ASK), said("assistant", BAD, weight=0),
         said("assistant", SAY, weight=1)]}, PAIR),
]  # fmt: skip

CALL = {"id": "c", "type": "function", "function": {"name": "bays", "arguments": '{"bay": 1}'}}
TOOLS = [
    Case("OpenAI", {"messages": [said("user", ASK), said("assistant", None, tool_calls=[CALL]), said("tool", "boats"),
         said("assistant", SAY)]}, [(f'{ASK}\nTool call: bays({{"bay": 1}})\nTool result: boats', SAY)], note="tools"),
    Case("function_call of old", {"messages": [said("user", ASK), said("assistant", None,
         function_call=CALL["function"]),
         said("function", "boats", name="bays"), said("assistant", SAY)]},
         [(f'{ASK}\nTool call: bays({{"bay": 1}})\nTool result: boats', SAY)]),
    Case("Anthropic", {"messages": [said("user", ASK), said("assistant", [*parts("Let me look."),
         {"type": "tool_use", "name": "bays", "input": {"bay": 1}}]),
         said("user", [{"type": "tool_result", "content": "boats"}]), said("assistant", SAY)]},
         [(f'{ASK}\nLet me look.\nTool call: bays({{"bay": 1}})\nTool result: boats', SAY)]),
    Case("ShareGPT", {"conversations": [{"from": "human", "value": ASK}, {"from": "function_call", "value": "bays(1)"},
         {"from": "observation", "value": "boats"}, {"from": "gpt", "value": SAY}], "tools": "[]"},
         [(f"{ASK}\nTool call: bays(1)\nTool result: boats", SAY)]),
    Case("two calls", {"messages": [said("user", ASK), said("assistant", "", tool_calls=[CALL, CALL]), said("tool",
         "a"),
         said("tool", "b"), said("assistant", SAY)]},
         [(f'{ASK}\nTool call: bays({{"bay": 1}})\nTool call: bays({{"bay": 1}})\nTool result: a\nTool result: b',
         SAY)]),
    Case("a call at the end", {"messages": [*CHAT, said("user", "a"), said("assistant", None, tool_calls=[CALL])]},
         PAIR),
]  # fmt: skip

GOOD_TURN, BAD_TURN = said("assistant", SAY), said("assistant", BAD)
HH = "\n\nHuman: {}\n\nAssistant: {}"
PREFERENCES = [
    Case("plain", {"prompt": ASK, "chosen": SAY, "rejected": BAD}, PAIR),
    Case("a prompt of messages", {"prompt": [said("system", RULES), said("user", ASK)], "chosen": [GOOD_TURN],
         "rejected": [BAD_TURN]}, PAIR, RULES),
    Case("a message as an object", {"conversations": [{"from": "human", "value": ASK}], "chosen": {"from": "gpt",
         "value": SAY},
         "rejected": {"from": "gpt", "value": BAD}}, PAIR),
    Case("HH-RLHF", {"chosen": HH.format(ASK, SAY), "rejected": HH.format(ASK, BAD)}, PAIR),
    Case("HH-RLHF of two turns", {"chosen": HH.format("Hi", "Hello") + HH.format(ASK, SAY), "rejected": "x"}, PAIR,
         turns=(("Hi", "Hello"),)),
    Case("OpenAI", {"input": {"messages": [said("user", ASK)]}, "preferred_output": [GOOD_TURN],
         "non_preferred_output": [BAD_TURN]}, PAIR),
    Case("Intel", {"system": RULES, "question": ASK, "chosen": SAY, "rejected": BAD}, PAIR, RULES),
    Case("UltraFeedback", {"prompt": ASK, "chosen": [said("user", ASK), GOOD_TURN], "rejected": [said("user", ASK),
         BAD_TURN],
         "score_chosen": 8.0, "score_rejected": 2.0, "messages": [said("user", ASK), GOOD_TURN]}, PAIR),
    Case("StackExchange", {"question": ASK, "response_j": SAY, "response_k": BAD}, PAIR),
    Case("chosen_response", {"instruction": ASK, "chosen_response": SAY, "rejected_response": BAD}, PAIR),
    Case("several turns", {"chosen": [said("user", "Hi"), said("assistant", "Hello"), *CHAT], "rejected": []}, PAIR,
         turns=(("Hi", "Hello"),)),
    Case("SafeRLHF", {"prompt": ASK, "response_0": BAD, "response_1": SAY, "better_response_id": 1}, PAIR),
    Case("AlpacaFarm", {"instruction": ASK, "input": "", "output_1": BAD, "output_2": SAY, "preference": 2}, PAIR),
    Case("an arena", [{"conversation_a": [said("user", ASK), BAD_TURN], "conversation_b": [said("user", ASK),
         GOOD_TURN],
         "winner": winner} for winner in ("model_b", "tie")], PAIR, note="without a better answer left out: 1",
         suffix="json"),
    Case("SHP", {"history": ASK, "human_ref_A": SAY, "human_ref_B": BAD, "labels": 1}, PAIR),
    Case("letters", {"question": ASK, "response_a": SAY, "response_b": BAD, "preferred": "A"}, PAIR),
    Case("a prompt in ChatML", {"prompt": f"<|im_start|>user\n{ASK}<|im_end|>\n<|im_start|>assistant\n",
         "chosen": f"{SAY}<|im_end|>", "rejected": BAD}, PAIR),
]  # fmt: skip

LABELS = [
    Case(f"label {good!r}", [{"prompt": ASK, "completion": SAY, "label": good}, {"prompt": "b?", "completion": BAD,
         "label": bad}],
         PAIR, note="label rejects the answer left out: 1", suffix="json")
    for good, bad in ((True, False), (1, 0), ("True", "False"), ("good", "bad"), ("desirable", "undesirable"), (1, -1))
] + [
    Case("kto_tag", [{"instruction": ASK, "output": SAY, "kto_tag": True}, {"instruction": "b?", "output": BAD,
         "kto_tag": False}],
         PAIR, suffix="json"),
    Case("messages", [{"messages": CHAT, "label": True}, {"messages": [said("user", ASK), BAD_TURN], "label": False}],
         PAIR, suffix="json"),
    Case("conversational", [{"prompt": [said("user", ASK)], "completion": [GOOD_TURN], "label": True},
         {"prompt": [said("user", ASK)], "completion": [BAD_TURN], "label": False}], PAIR, suffix="json"),
    Case("CSV", f"prompt,completion,label\n{ASK},{SAY},true\nb?,{BAD},false\n", PAIR, suffix="csv"),
]  # fmt: skip

REPR = [
    Case("NaN and None", f"id,messages\n0,\"[{{'role': 'user', 'content': '{ASK}', 'weight': None}}, "
         f"{{'role': 'assistant', 'content': '{SAY}', 'x': nan}}]\"\n", PAIR, suffix="csv"),
    Case("numpy without commas", f"id,messages\n0,\"[{{'content': '{ASK}', 'role': 'user'}}\n "
         f"{{'content': '{SAY}', 'role': 'assistant'}}]\"\n", PAIR, suffix="csv"),
    Case("numpy arrays", f"conversations\n\"array([{{'from': 'human', 'value': '{ASK}'}},\n       "
         f"{{'from': 'gpt', 'value': '{SAY}'}}], dtype=object)\"\n", PAIR, suffix="csv"),
    Case("numpy strings", f"dialog\n\"['{ASK}' '{SAY}'\n 'Sure?' 'Yes.']\"\n", [*PAIR, ("Sure?", "Yes.")],
         suffix="csv"),
    Case("an apostrophe inside", "messages\n\"[{'role': 'user', 'content': \"\"Who's there?\"\"}, "
         "{'role': 'assistant', 'content': 'It\\'s me.'}]\"\n", [("Who's there?", "It's me.")], suffix="csv"),
    Case("JSON in a cell", f'id;messages\n0;"{json.dumps(CHAT)}"\n'.replace('"role', '""role').replace('": "', '"": ""')
         .replace('", "', '"", ""').replace('"}', '""}'), PAIR, suffix="csv"),
    Case("SQuAD in a cell",
         f"question,context,answers\n{ASK},Bay 1 is for boats.,\"{{'text': array(['boats'], dtype=object), "
         "'answer_start': array([13])}\"\n", [(ASK, "boats")], context=SAY, suffix="csv"),
    Case("lines of Python",
         f"{{'question': '{ASK}', 'answer': '{SAY}', 'x': None}}\n{{'question': 'b?', 'answer': 'c'}}",
         [*PAIR, ("b?", "c")]),
]  # fmt: skip

ARTICLE = "The council met on Monday. It decided to plant lime trees."
SUMMARIES = [
    Case(f"{source} and {summary}", {source: ARTICLE, summary: "Trees are planted."},
         [("Summarize this text.", "Trees are planted.")], context=ARTICLE)
    for source, summary in (("text", "summary"), ("article", "abstract"), ("transcript", "summary"), ("document",
        "tldr"),
                            ("content", "highlights"), ("dialogue", "summary"))
] + [
    Case("turns with a summary", {"dialogue": ["Ann: Hi.", "Bob: Hello."], "summary": "They greet."},
         [("Summarize this text.", "They greet.")], context="Ann: Hi.\nBob: Hello."),
    Case("Vietnamese", {"văn bản": "x",
         "document": "Hội đồng họp vào thứ Hai và quyết định trồng cây dọc con đường lớn.",
         "summary": "Trồng cây."}, [("Hãy tóm tắt văn bản này.", "Trồng cây.")],
         context="Hội đồng họp vào thứ Hai và quyết định trồng cây dọc con đường lớn."),
]  # fmt: skip

ROW = {"question": ASK, "answer": SAY}
OTHER = {"question": "b?", "answer": "c"}
TWO = [*PAIR, ("b?", "c")]
WRAPPED = [
    Case(name, content, TWO, suffix="json")
    for name, content in {
        "under rows": {"rows": [ROW, OTHER]},
        "under two keys": {"result": {"items": [ROW, OTHER]}},
        "splits": {"train": [ROW], "test": [OTHER]},
        "by id": {"q1": ROW, "q2": OTHER},
        "columns of lists": {"question": [ASK, "b?"], "answer": [SAY, "c"]},
        "pandas columns": {"question": {"0": ASK, "1": "b?"}, "answer": {"0": SAY, "1": "c"}},
        "pandas split": {"columns": ["question", "answer"], "index": [0, 1], "data": [[ASK, SAY], ["b?", "c"]]},
        "pandas table": {"schema": {"fields": [{"name": "question"}]}, "data": [ROW, OTHER]},
        "arrays with a header": [["question", "answer"], [ASK, SAY], ["b?", "c"]],
        "the Hub's rows": {"features": [{"name": "question"}], "rows": [{"row_idx": 0, "row": ROW}, {"row_idx": 1,
        "row": OTHER}]},
        "hits of a search engine": {"hits": {"hits": [{"_id": "1", "_source": ROW}, {"_id": "2", "_source": OTHER}]}},
        "categories": [{"category": "a", "questions": [ROW]}, {"category": "b", "questions": [OTHER]}],
        "an FAQ": {"faq": [{"section": "x", "entries": [ROW, OTHER]}]},
    }.items()
] + [
    Case("comments", "[\n// first\n" + json.dumps(ROW) + ",\n/* second */ " + json.dumps(OTHER) + "]", TWO,
         suffix="json"),
    Case("objects without line breaks", json.dumps(ROW) + json.dumps(OTHER), TWO),
    Case("lines with commas", "[\n" + json.dumps(ROW) + ",\n" + json.dumps(OTHER) + ",\n", TWO),
    Case("a byte order mark", ("\ufeff" + jsonl(ROW, OTHER)).encode(), TWO),
    Case("carriage returns", jsonl(ROW, OTHER).replace("\n", "\r\n"), TWO, suffix="ndjson"),
    Case("a list cut off", json.dumps([ROW, OTHER])[:-1], TWO, suffix="json"),
    Case("one broken line", jsonl(ROW) + '\n{"question": "x?", "answer": }\n' + jsonl(OTHER), TWO,
         note="the first: line 2"),
    Case("CoQA", {"data": [{"story": "Ann has a cat.", "questions": [{"input_text": "Who?"}, {"input_text": "What?"}],
         "answers": [{"input_text": "Ann"}, {"input_text": "a cat"}]}]}, [("Who?", "Ann"), ("What?", "a cat")],
         context="Ann has a cat.", suffix="json"),
    Case("a ChatGPT export", [{"title": "t", "current_node": "c", "mapping": {
        "a": {"message": None, "parent": None},
        "b": {"message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [ASK]}},
        "parent": "a"},
        "c": {"message": {"author": {"role": "assistant"}, "content": {"parts": [SAY]}}, "parent": "b"}}}], PAIR,
        suffix="json"),
    Case("an OpenAssistant tree", {"prompt": {"text": ASK, "role": "prompter", "replies": [
        {"text": SAY, "role": "assistant", "replies": []}]}}, PAIR),
    Case("OpenAssistant rows", [{"message_id": "1", "parent_id": None, "role": "prompter", "text": ASK},
        {"message_id": "2", "parent_id": "1", "role": "assistant", "text": SAY}], PAIR, suffix="json"),
    Case("a message per row",
         f"conversation_id,role,content\n1,user,{ASK}\n1,assistant,{SAY}\n2,user,b?\n2,assistant,c\n", TWO,
         suffix="csv"),
]  # fmt: skip

LISTED = "Which gas?\nA. neon\nB. argon\nC. xenon"
GAS = [(LISTED, "argon")]
CHOICES = [
    Case("a letter", {"question": "Which gas?", "options": ["neon", "argon", "xenon"], "answer": "B"}, GAS),
    Case("the text", {"question": "Which gas?", "options": ["neon", "argon", "xenon"], "answer": "argon"}, GAS),
    Case("a number as text", {"question": "Which gas?", "options": ["neon", "argon", "xenon"], "answer": "1"}, GAS),
    Case("numbers from 1", [{"question": "Which gas?", "choices": ["neon", "argon", "xenon"], "answer": 2},
         {"question": "Other?", "choices": ["x", "y", "z"], "answer": 3}], [*GAS, ("Other?\nA. x\nB. y\nC. z", "z")],
         suffix="json"),
    Case("ARC", {"question": "Which gas?", "choices": {"text": ["neon", "argon", "xenon"], "label": ["A", "B", "C"]},
         "answerKey": "B"}, GAS),
    Case("OpenBookQA", {"question": {"stem": "Which gas?", "choices": [{"text": "neon", "label": "A"},
         {"text": "argon", "label": "B"}, {"text": "xenon", "label": "C"}]}, "answerKey": "B"}, GAS),
    Case("MedMCQA", {"question": "Which gas?", "opa": "neon", "opb": "argon", "opc": "xenon", "cop": 1}, GAS),
    Case("columns A to C", "question,A,B,C,answer\nWhich gas?,neon,argon,xenon,B\n", GAS, suffix="csv"),
    Case("options with letters", {"question": "Which gas?", "options": ["A) neon", "B) argon", "C) xenon"],
         "correct": "B"}, GAS),
    Case("options by letter", {"question": "Which gas?", "options": {"A": "neon", "B": "argon", "C": "xenon"},
         "answer": "B"}, GAS),
    Case("an answer with its letter", {"question": "Which gas?", "options": ["neon", "argon", "xenon"],
         "answer": "B. argon"}, GAS),
    Case("HellaSwag", {"ctx": "Which gas?", "endings": ["neon", "argon", "xenon"], "label": "1"}, GAS),
    Case("with a context", {"article": ARTICLE, "question": "Which gas?", "options": ["neon", "argon", "xenon"],
         "answer": "B"},
         GAS, context=ARTICLE),
    Case("choices in a CSV cell", "question,choices,answer\nWhich gas?,\"['neon', 'argon', 'xenon']\",1\n", GAS,
         suffix="csv"),
]  # fmt: skip

CONTEXTS = [
    Case("Dolly", {"instruction": ASK, "context": SAY, "response": "boats", "category": "qa"}, [(ASK, "boats")],
         context=SAY,
         note="Columns that are not read: category"),
    Case("BoolQ", {"question": "is it?", "passage": ARTICLE, "answer": True}, [("is it?", "yes")], context=ARTICLE),
    Case("several contexts", {"question": ASK, "contexts": ["One.", "Two."], "answer": SAY}, PAIR,
         context="One.\nTwo."),
    Case("HotpotQA", {"question": ASK, "answer": SAY, "context": {"title": ["A", "B"], "sentences": [["One.",
         "Two."], ["Three."]]}},
         PAIR, context="A\nOne. Two.\n\nB\nThree."),
    Case("SQuAD of the Hub", {"id": "1", "title": "t", "context": SAY, "question": ASK, "answers": {"text": ["boats",
         "ships"],
         "answer_start": [13, 13]}}, [(ASK, "boats")], context=SAY),
    Case("TriviaQA", {"question": ASK, "answer": {"value": "boats", "aliases": ["ships"]}}, [(ASK, "boats")]),
    Case("Context and Response", {"Context": ASK, "Response": SAY}, PAIR),
    Case("Patient and Doctor", {"input": ASK, "output": SAY, "instruction": ""}, PAIR),
    Case("Vietnamese", {"Câu hỏi": ASK, "Ngữ cảnh": ARTICLE, "Trả lời": SAY}, PAIR, context=ARTICLE),
    Case("a title with a body", {"title": ASK, "body": "Please.", "answer": SAY}, [(f"{ASK}\nPlease.", SAY)]),
    Case("names with more words",
         "Ticket,Customer question,Agent response\n1,What is bay 1 for?,Bay 1 is for boats.\n", PAIR,
         suffix="csv"),
    Case("ground truth", {"question": ASK, "ground_truth": SAY, "answer_count": 3}, PAIR),
    Case("AI Studio", {"text_input": ASK, "output": SAY}, PAIR),
    Case("Vertex", {"input_text": ASK, "output_text": SAY}, PAIR),
    Case("a list of good and bad outputs", {"instruction": ASK, "input": "", "output": [SAY, BAD]}, PAIR),
    Case("prompt and response of messages", {"prompt": [said("user", ASK)], "completion": [GOOD_TURN]}, PAIR),
]  # fmt: skip

LLAMA3 = "<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>"
MARKUP = [
    Case("ChatML with a system text",
         {"text": f"<|im_start|>system\n{RULES}<|im_end|>\n<|im_start|>user\n{ASK}<|im_end|>\n"
         f"<|im_start|>assistant\n{SAY}<|im_end|>\n<|endoftext|>"}, PAIR, RULES),
    Case("Llama 2 with a system text", {"text": f"<s>[INST] <<SYS>>\n{RULES}\n<</SYS>>\n\n{ASK} [/INST] {SAY} </s>"},
         PAIR, RULES),
    Case("Llama 2 with two turns", {"text": f"<s>[INST] {ASK} [/INST] {SAY} </s><s>[INST] b? [/INST] c </s>"}, TWO),
    Case("Llama 3", {"text": "<|begin_of_text|>" + LLAMA3.format("user", ASK) + LLAMA3.format("assistant", SAY)}, PAIR),
    Case("Gemma",
         {"text": f"<bos><start_of_turn>user\n{ASK}<end_of_turn>\n<start_of_turn>model\n{SAY}<end_of_turn>"}, PAIR),
    Case("Zephyr", {"text": f"<|system|>\n{RULES}</s>\n<|user|>\n{ASK}</s>\n<|assistant|>\n{SAY}</s>"}, PAIR, RULES),
    Case("Phi", {"text": f"<|user|>\n{ASK}<|end|>\n<|assistant|>\n{SAY}<|end|>"}, PAIR),
    Case("Mistral", {"text": f"<s>[INST] {ASK} [/INST] {SAY}</s>"}, PAIR),
    Case("Vicuna", {"text": f"A chat. USER: {ASK} ASSISTANT: {SAY}</s>"}, PAIR, "A chat."),
    Case("Alpaca", {"text": "Below is an instruction that describes a task. Write a response.\n\n### Instruction:\n"
         f"{ASK}\n\n### Response:\n{SAY}"}, PAIR),
    Case("Alpaca with input", {"text": f"### Instruction:\nAdd\n\n### Input:\n1 and 2\n\n### Response:\n3{'</s>'}"},
         [("Add\n1 and 2", "3")]),
    Case("Guanaco", {"text": f"### Human: {ASK}### Assistant: {SAY}### Human: b?### Assistant: c"}, TWO),
    Case("HH", {"text": HH.format(ASK, SAY)}, PAIR),
    Case("Q and A", {"text": f"Q: {ASK}\nA: {SAY}"}, PAIR),
    Case("DeepSeek",
         {"text": f"<｜begin▁of▁sentence｜>{RULES}<｜User｜>{ASK}<｜Assistant｜>{SAY}<｜end▁of▁sentence｜>"},
         PAIR, RULES),
    Case("OpenChat",
         {"text": f"GPT4 Correct User: {ASK}<|end_of_turn|>GPT4 Correct Assistant: {SAY}<|end_of_turn|>"}, PAIR),
    Case("a text column of CSV",
         f'text\n"<|im_start|>user\n{ASK}<|im_end|>\n<|im_start|>assistant\n{SAY}<|im_end|>"\n', PAIR,
         suffix="csv"),
    Case("prompt and completion", {"prompt": f"[INST] {ASK} [/INST]", "completion": f"{SAY}</s>"}, PAIR),
    Case("Alpaca in prompt and completion", {"prompt": f"### Instruction:\n{ASK}\n\n### Response:\n",
         "completion": SAY}, PAIR),
    Case("legacy OpenAI", [{"prompt": f"{ask}\n\n###\n\n", "completion": f" {answer} END"} for ask, answer in [*TWO,
         ("d?", "e")]],
         [*TWO, ("d?", "e")], suffix="json"),
]  # fmt: skip

NAN = [
    Case("None as text", {"instruction": "Add", "input": "None", "output": "3"}, [("Add", "3")]),
    Case("nan in CSV", f"instruction,input,output\n{ASK},nan,{SAY}\nb?,x,NaN\n", PAIR, suffix="csv",
         note="without a question or an answer left out: 1"),
    Case("null", {"question": ASK, "answer": SAY, "context": None}, PAIR),
    Case("NaN in messages", '{"messages": [{"role": "system", "content": NaN}, {"role": "user", "content": "a"}, '
         '{"role": "assistant", "content": "b"}]}', [("a", "b")]),
    Case("NA is a country", f"question,answer\n{ASK},NA\n", [(ASK, "NA")], suffix="csv"),
]  # fmt: skip

ALL = {
    "messages": MESSAGES, "turns": TURNS, "weights": WEIGHTS, "tools": TOOLS, "preferences": PREFERENCES,
    "labels": LABELS,
    "repr": REPR, "summaries": SUMMARIES, "wrapped": WRAPPED, "choices": CHOICES, "contexts": CONTEXTS,
    "markup": MARKUP,
    "nan": NAN,
}  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{kind}: {case.name}") for kind in ALL for case in ALL[kind]])
def test_a_shape_gives_the_pairs_that_its_owner_meant(write: Write, case: Case) -> None:
    content = case.content
    if not isinstance(content, str | bytes):
        content = json.dumps(content) if case.suffix == "json" else jsonl(content)
    document = read_document(write(f"a.{case.suffix}", content))
    assert [(pair.question, pair.answer) for pair in document.pairs] == case.pairs
    first = document.pairs[0]
    assert (first.system, first.turns, context_of(document)) == (case.system, case.turns, case.context)
    assert case.note in " ".join(document.sentences)
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_a_plain_text_of_chat_markup_is_conversations(write: Write) -> None:
    turn = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n"
    document = read_document(write("a.txt", turn.format(ASK, SAY) + "<|endoftext|>" + turn.format("b?", "c")))
    assert [(pair.question, pair.answer, pair.turns) for pair in document.pairs] == [(ASK, SAY, ()), ("b?", "c", ())]
    about = read_document(write("b.txt", f"ChatML looks like this:\n\n<|im_start|>user\n{ASK}<|im_end|>"))
    assert not about.pairs
