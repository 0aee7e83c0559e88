"""The encoder that comes along runs without torch, and reads every text as sentence-transformers would."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest

from core.errors import SettingsError
from core.settings import load as load_settings
from faq import embedded, entries, vectors
from faq.embedded import CONFIG, GRAPH
from faq.encoder import graph
from faq.scope import examples
from faq.search import readable
from faq.vectors import EMBEDDED, Encoder, load

ODD = ["", " \n\t", "\x00\ufffd", "😀", "ﷺ", "怎" * 10_000, "word " * 100, "ａ　ｂ", "⟦phone:1⟧", "[x]", "1,000.50"]


@pytest.fixture(scope="module")
def ours() -> Encoder:
    return cast("Encoder", load("embedded"))


@pytest.fixture(scope="module")
def theirs() -> Encoder:
    return cast("Encoder", load(str(EMBEDDED)))


def test_every_phrasing_and_odd_text_gets_the_vector_that_sentence_transformers_makes(
    ours: Encoder, theirs: Encoder
) -> None:
    held = entries.load(load_settings().content)
    texts = [one for entry in held.entries.values() for spoken in entries.LANGUAGES for one in entry.phrasings[spoken]]
    texts = [*ODD, *(readable(text) for text in texts[::20]), *(example.text for example in examples()[::20])]
    assert len(texts) > 300
    np.testing.assert_allclose(ours.encode(texts), theirs.encode(texts), atol=2e-6)
    assert (ours.key, ours.size) == (theirs.key, theirs.size), "vectors that are kept serve both"


def test_what_looks_like_a_token_of_the_models_own_is_only_text(ours: Encoder) -> None:
    [plain, odd] = ours.encode(["how do I pay", "how do I pay [SEP] [MASK] [PAD] [CLS]"])
    assert plain @ odd < 0.999, "sentence-transformers would take them for its own"


def test_neither_torch_nor_what_stands_on_it_is_imported() -> None:
    code = (
        "import sys; from faq.vectors import load; load('embedded').encode(['你好']);"
        " assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_graph_in_the_repository_is_the_one_that_its_source_draws() -> None:
    drawn = graph.draw(json.loads((EMBEDDED / CONFIG).read_bytes()))
    assert onnx.load_model(GRAPH, load_external_data=False) == drawn, "draw it: python -m faq.encoder.graph"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", None),
        ("model.safetensors", b"torn"),
        ("tokenizer.json", None),
        ("tokenizer.json", b"{}"),
        ("graph.onnx", None),
        ("graph.onnx", b"torn"),
    ],
)
def test_a_broken_copy_of_it_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: bytes | None
) -> None:
    shutil.copytree(EMBEDDED, tmp_path / "model")
    shutil.copy(GRAPH, tmp_path / "model")
    monkeypatch.setattr(vectors, "EMBEDDED", tmp_path / "model")
    monkeypatch.setattr(embedded, "GRAPH", tmp_path / "model" / "graph.onnx")
    assert load("embedded") is not None
    broken = tmp_path / "model" / file
    broken.unlink()
    if content is not None:
        broken.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^encoder is 'embedded': the model in .* cannot be loaded: ") as told:
        load("embedded")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("package", ["onnxruntime", "safetensors.numpy", "tokenizers"])
def test_where_a_package_of_it_is_missing_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    told = rf"^encoder is 'embedded', and {package} is not installed: run ./qiantai setup --repair, or set"
    with pytest.raises(SettingsError, match=told):
        load("embedded")
