"""Draws the embedded encoder for ONNX Runtime: the arithmetic of a BERT with mean pooling, for one text, no weights.

The weights stay in model.safetensors alone and are handed over by their names there when the graph is loaded
(faq/embedded.py). After a change of the model's shape: `.venv/bin/python -m faq.encoder.graph`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onnx import ModelProto, NodeProto, TensorProto, helper

from faq.embedded import CONFIG, GRAPH, IDS, VECTOR, WEIGHTS
from faq.vectors import EMBEDDED

OPSET = 20  # the first that knows Gelu
IR_VERSION = 10


@dataclass
class _Drawing:
    """Nodes in the order they run, and the constants they start from."""

    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: dict[str, TensorProto] = field(default_factory=dict[str, TensorProto])

    def node(self, kind: str, *of: str, gives: str = "", **attributes: Any) -> str:
        """The name of what the node gives."""
        gives = gives or f"{kind} {len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(of), [gives], **attributes))
        return gives

    def weight(self, name: str, *shape: int) -> str:
        """A weight of the model: 16 bits in its file, 32 here."""
        outside = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=shape)
        outside.data_location = TensorProto.EXTERNAL
        outside.external_data.add(key="location", value=WEIGHTS)
        self.constants[name] = outside
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def integers(self, *values: int) -> str:
        name = f"integers {values}"
        self.constants[name] = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        return name

    def number(self, value: float) -> str:
        name = f"number {value}"
        self.constants[name] = helper.make_tensor(name, TensorProto.FLOAT, [], [value])
        return name


def draw(config: dict[str, Any]) -> ModelProto:
    """A model with this config.json, from token ids, shape (tokens,), to a vector of length 1, shape (size,)."""
    size, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    drawing = _Drawing()
    node, weight, integers = drawing.node, drawing.weight, drawing.integers

    def linear(x: str, name: str, given: int, wanted: int) -> str:
        return node("Gemm", x, weight(f"{name}.weight", wanted, given), weight(f"{name}.bias", wanted), transB=1)

    def norm(x: str, name: str) -> str:
        scale, bias = weight(f"{name}.weight", size), weight(f"{name}.bias", size)
        return node("LayerNormalization", x, scale, bias, epsilon=config["layer_norm_eps"])

    words = node("Gather", weight("embeddings.word_embeddings.weight", config["vocab_size"], size), IDS)
    positions = weight("embeddings.position_embeddings.weight", config["max_position_embeddings"], size)
    here = node("Slice", positions, integers(0), node("Shape", IDS))
    kind = weight("embeddings.token_type_embeddings.weight", config["type_vocab_size"], size)
    x = norm(node("Add", node("Add", words, here), kind), "embeddings.LayerNorm")
    for n in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{n}"
        query, key, value = (
            node("Reshape", linear(x, f"{layer}.attention.self.{part}", size, size), integers(-1, heads, size // heads))
            for part in ("query", "key", "value")
        )
        query = node("Mul", query, drawing.number((size // heads) ** -0.5))
        like = node("MatMul", node("Transpose", query, perm=[1, 0, 2]), node("Transpose", key, perm=[1, 2, 0]))
        seen = node("MatMul", node("Softmax", like), node("Transpose", value, perm=[1, 0, 2]))
        seen = node("Reshape", node("Transpose", seen, perm=[1, 0, 2]), integers(-1, size))
        x = norm(
            node("Add", linear(seen, f"{layer}.attention.output.dense", size, size), x),
            f"{layer}.attention.output.LayerNorm",
        )
        inside = node("Gelu", linear(x, f"{layer}.intermediate.dense", size, inner))
        x = norm(node("Add", linear(inside, f"{layer}.output.dense", inner, size), x), f"{layer}.output.LayerNorm")
    node("LpNormalization", node("ReduceMean", x, integers(0), keepdims=0), gives=VECTOR)
    graph = helper.make_graph(
        drawing.nodes,
        "encoder",
        [helper.make_tensor_value_info(IDS, TensorProto.INT64, ["tokens"])],
        [helper.make_tensor_value_info(VECTOR, TensorProto.FLOAT, [size])],
        list(drawing.constants.values()),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def write(model: Path, file: Path) -> None:
    """Draws the model in the folder `model`: a BERT with Gelu and one kind of tokens, as student.py packs it."""
    file.write_bytes(draw(json.loads((model / CONFIG).read_bytes())).SerializeToString(deterministic=True))


if __name__ == "__main__":
    write(EMBEDDED, GRAPH)
