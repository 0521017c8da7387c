"""What the blocks of a decoder consist of, by architecture: the one table that the fast passes read.

A row says in which parts an architecture differs from Llama, by the names that transformers gives them. Both passes are
compared with the model's own logits before they are used, so a wrong row costs speed alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

STEADY_ROPE = ("default", "linear", "llama3")  # angles that do not depend on the length of the text
ACTIVATIONS = ("silu", "gelu_pytorch_tanh")
SLIDING = "sliding_attention"  # the type of a layer that sees a window only
UNTURNED = "none"  # the kind of positions of a layer without any

Angles = Mapping[str, tuple[Tensor, Tensor]]  # cos and sin, (1, tokens, head size), by kind of positions


@dataclass(frozen=True)
class Architecture:
    """A row: the class of the model, and names of attributes of its blocks and of its configuration.

    `attention_out_norm` and `mlp_out_norm` norm what a half of a block adds; "" means that there is no such norm.
    """

    model: str
    mlp_norm: str = "post_attention_layernorm"
    attention_out_norm: str = ""
    mlp_out_norm: str = ""
    norm_offset: float = 0.0  # a norm multiplies by its weight and this
    head_norms: bool = False  # whether `q_norm` and `k_norm` norm each head's queries and keys
    activation: str = "hidden_act"  # the configuration's name for what the feed-forward's gate goes through
    has_layer_types: bool = False  # whether `layer_types` says which layers see a window only
    rope_by_layer_type: bool = False  # whether each type of layer has angles of its own
    rope_layers: str = ""  # the configuration's list of layers with rotary positions; "" means all of them
    unsupported: tuple[str, ...] = ()  # settings of the configuration with which the model computes something else


ARCHITECTURES: Mapping[str, Architecture] = {  # by the configuration's `model_type`
    "llama": Architecture("LlamaForCausalLM"),
    "qwen2": Architecture("Qwen2ForCausalLM", has_layer_types=True),
    "qwen3": Architecture("Qwen3ForCausalLM", head_norms=True, has_layer_types=True),
    "gemma3_text": Architecture(
        "Gemma3ForCausalLM",
        mlp_norm="pre_feedforward_layernorm",
        attention_out_norm="post_attention_layernorm",
        mlp_out_norm="post_feedforward_layernorm",
        norm_offset=1.0,
        head_norms=True,
        activation="hidden_activation",
        has_layer_types=True,
        rope_by_layer_type=True,
        unsupported=("final_logit_softcapping", "attn_logit_softcapping", "use_bidirectional_attention"),
    ),
    "smollm3": Architecture("SmolLM3ForCausalLM", has_layer_types=True, rope_layers="no_rope_layers"),
}


@dataclass(frozen=True)
class LayerPlan:
    """What distinguishes a layer from the others: how many tokens it sees (0: all), and its kind of positions."""

    window: int
    rope: str


@dataclass(frozen=True)
class Block:
    """The modules of one block, in the order in which they compute; None for a norm that the architecture lacks."""

    plan: LayerPlan
    attention_norm: Any
    q: nn.Linear
    k: nn.Linear
    v: nn.Linear
    q_norm: Any
    k_norm: Any
    o: nn.Linear
    attention_out_norm: Any
    mlp_norm: Any
    gate: nn.Linear
    up: nn.Linear
    down: nn.Linear
    activation: Callable[[Tensor], Tensor]
    mlp_out_norm: Any


@dataclass(frozen=True)
class Decoder:
    """The modules and numbers of a decoder; `attention_scale` multiplies the scores of q·k."""

    embed: Any
    blocks: tuple[Block, ...]
    norm: Any
    head: nn.Linear
    heads: int
    key_value_heads: int
    head_size: int
    attention_scale: float


def head_size(config: PretrainedConfig) -> int:
    """The size of a head's keys: what the configuration names, as Qwen3's does, else its part of the hidden size."""
    return config.to_dict().get("head_dim") or config.hidden_size // config.num_attention_heads


def architecture_of(config: PretrainedConfig) -> Architecture | None:
    """The row of models with this configuration; None where there is none, or a setting that it does not cover."""
    row, values = ARCHITECTURES.get(config.model_type), vars(config)
    if row is None or any(values[name] for name in row.unsupported) or values[row.activation] not in ACTIVATIONS:
        return None
    ropes = config.rope_parameters
    kinds = ropes.values() if row.rope_by_layer_type else [ropes]
    return row if all(each["rope_type"] in STEADY_ROPE for each in kinds) else None


def row_of(model: nn.Module) -> Architecture | None:
    """The row of a model; None for a subclass of the known class, too, as it may compute something else."""
    if not isinstance(model, PreTrainedModel) or not type(model).__module__.startswith("transformers.models."):
        return None
    row = architecture_of(model.config)
    return row if row is not None and type(model).__name__ == row.model else None


def known_row(model: nn.Module) -> Architecture:
    """The row of a model that has one.

    Raises:
        ValueError: it has none.
    """
    if (row := row_of(model)) is None:
        raise ValueError(f"No row of the table is for {type(model).__name__}")
    return row


def layer_plans(config: PretrainedConfig, row: Architecture) -> list[LayerPlan]:
    """The plan of each layer."""
    values, count = vars(config), config.num_hidden_layers
    types = values["layer_types"][:count] if row.has_layer_types else [""] * count
    turned = values[row.rope_layers][:count] if row.rope_layers else [True] * count
    ropes = types if row.rope_by_layer_type else [""] * count
    return [
        LayerPlan(config.sliding_window if type_ == SLIDING else 0, rope if turns else UNTURNED)
        for type_, rope, turns in zip(types, ropes, turned, strict=True)
    ]


def take_apart(model: Any) -> Decoder:
    """A model that has a row taken apart; its modules stay its own."""
    row, layers = known_row(model), model.model.layers
    plans = layer_plans(model.config, row)
    return Decoder(
        embed=model.model.embed_tokens,
        blocks=tuple(_take_block_apart(row, plan, each) for plan, each in zip(plans, layers, strict=True)),
        norm=model.model.norm,
        head=model.lm_head,
        heads=model.config.num_attention_heads,
        key_value_heads=model.config.num_key_value_heads,
        head_size=layers[0].self_attn.head_dim,
        attention_scale=layers[0].self_attn.scaling,
    )


def rotary_angles(model: Any, plans: Iterable[LayerPlan], hidden: Tensor, positions: Tensor) -> Angles:
    """The angles of all kinds of positions that layers with these plans have.

    `hidden` is (1, tokens, size), `positions` (tokens).
    """
    rotary, row = model.get_decoder().rotary_emb, known_row(model)
    kinds = {each.rope for each in plans} - {UNTURNED}
    typed = {kind: {"layer_type": kind} if row.rope_by_layer_type else {} for kind in kinds}
    return {kind: rotary(hidden, position_ids=positions[None], **more) for kind, more in typed.items()}


def _take_block_apart(row: Architecture, plan: LayerPlan, block: Any) -> Block:
    attention, mlp = block.self_attn, block.mlp
    return Block(
        plan=plan,
        attention_norm=block.input_layernorm,
        q=attention.q_proj,
        k=attention.k_proj,
        v=attention.v_proj,
        q_norm=attention.q_norm if row.head_norms else None,
        k_norm=attention.k_norm if row.head_norms else None,
        o=attention.o_proj,
        attention_out_norm=_submodule(block, row.attention_out_norm),
        mlp_norm=_submodule(block, row.mlp_norm),
        gate=mlp.gate_proj,
        up=mlp.up_proj,
        down=mlp.down_proj,
        activation=mlp.act_fn,
        mlp_out_norm=_submodule(block, row.mlp_out_norm),
    )


def _submodule(block: nn.Module, name: str) -> nn.Module | None:
    return block.get_submodule(name) if name else None
