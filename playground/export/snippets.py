"""How an adapter is used elsewhere: with PEFT, in a server of vLLM or llama.cpp, and by this playground's endpoints."""

import json

from adapters.base import Method
from playground.export.export import GGUF

TOKENS = 64
PEFT = """# pip install torch transformers peft
{imports}

base = {base}
folder = "FOLDER"  # {form}
tokenizer = AutoTokenizer.from_pretrained(base)
model = {load}

messages = [{{"role": "user", "content": "QUESTION"}}]
asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
said = model.generate(**asked, max_new_tokens={tokens}, do_sample=False)
print(tokenizer.decode(said[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
"""
SERVERS = """# {merged}
vllm serve FOLDER

# {gguf}
llama-server --model FOLDER/{file}
"""
ENDPOINTS = """# pip install gradio_client
from gradio_client import Client

playground = Client({address})
visit = "VISIT"  # {visit}
(record,) = playground.predict(visit, "QUESTION", ["tuned"], {run}, {tokens}, api_name="/ask")
print(record["answer"])
"""
ADAPTER = "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer"
WHOLE = "from transformers import AutoModelForCausalLM, AutoTokenizer"


def with_peft(method: Method, base: str, form: str) -> str:
    """Python that needs transformers and PEFT alone; `form` is the export's name in the reader's language."""
    whole = method.weights_file == "model.safetensors"
    load = "AutoModelForCausalLM.from_pretrained({})"
    return PEFT.format(
        imports=WHOLE if whole else ADAPTER,
        base=json.dumps(base),
        form=form,
        load=load.format("folder") if whole else f"PeftModel.from_pretrained({load.format('base')}, folder)",
        tokens=TOKENS,
    )


def with_servers(merged: str, gguf: str) -> str:
    """Commands of two servers, each with the name of the export that it takes."""
    return SERVERS.format(merged=merged, gguf=gguf, file=GGUF)


def with_endpoints(address: str, run: str, visit: str) -> str:
    """Python that asks the playground at this address; `visit` says what stands in the place of the visit."""
    return ENDPOINTS.format(address=json.dumps(address), run=json.dumps(run), visit=visit, tokens=TOKENS)
