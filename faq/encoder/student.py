# pyright: basic
# (what training is built on is typed in part only)
"""The encoder itself: a small BERT with mean pooling, and the folder in which it is shipped."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from faq.encoder.table import Table
from faq.encoder.teacher import HALF, SIZE
from faq.encoder.vocabulary import MAX_TOKENS, SPECIAL

LAYERS = 2
START = 0.6  # mean length of the token vectors at the start
SLICES = (0, 0.35, 0.7, 0.95, 1)  # a batch is computed in parts of texts of like length: little padding
SLICED = 64  # texts from which on that pays


class Student(torch.nn.Module):
    """Texts to vectors of length 1, in training; afterwards `pack` makes it a sentence-transformers model."""

    def __init__(self, tokenizer: Tokenizer, table: Table) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.bert = BertModel(
            BertConfig(
                vocab_size=tokenizer.get_vocab_size(),
                hidden_size=SIZE,
                num_hidden_layers=LAYERS,
                num_attention_heads=SIZE // 64,
                intermediate_size=4 * SIZE,
                max_position_embeddings=MAX_TOKENS,
                type_vocab_size=1,
                pad_token_id=0,
            )
        )
        for name, weight in self.bert.named_parameters():
            if name.startswith("pooler."):  # unused with mean pooling; kept, or loading complains
                weight.requires_grad_(False).zero_()
        known = [(n, table.row[token]) for token, n in tokenizer.get_vocab().items() if token in table.row]
        to, source = torch.tensor(known).T
        rows = table.rows.weight.data
        self.bert.embeddings.word_embeddings.weight.data[to] = rows[source] * (START / rows.norm(dim=1).mean())
        self.bert.embeddings.position_embeddings.weight.data *= 0.5
        self._known: dict[str, Tensor] = {}

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Vectors of length 1, shape (n, SIZE)."""
        tokens = [self._ids(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda n: len(tokens[n]))
        cuts = [int(len(order) * cut) for cut in (SLICES if len(order) >= SLICED else (0, 1))]
        made: list[Tensor] = []
        for start, end in itertools.pairwise(cuts):
            ids = torch.nn.utils.rnn.pad_sequence([tokens[n] for n in order[start:end]], batch_first=True)
            ids = torch.nn.functional.pad(ids, (0, -ids.shape[1] % 4))
            with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
                hidden = self.bert(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state.float()
            mask = (ids != 0).float()[..., None]
            made.append((hidden * mask).sum(1) / mask.sum(1))
        return torch.nn.functional.normalize(torch.cat(made)[torch.tensor(order).argsort()], dim=-1)

    def _ids(self, text: str) -> Tensor:
        if text not in self._known:
            self._known[text] = torch.tensor(self.tokenizer.encode(text).ids)
        return self._known[text]


def pack(student: Student, folder: Path) -> None:
    """Write a folder that `SentenceTransformer(folder)` loads: weights kept in 16 bits, computed with in 32."""
    modules = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    for path, _ in modules:
        (folder / path).mkdir(parents=True, exist_ok=True)
    weights = {name: w.half().contiguous() for name, w in student.bert.state_dict().items() if w.is_floating_point()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    student.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    special = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL}
    written = {
        "config.json": {**student.bert.config.to_diff_dict(), "architectures": ["BertModel"], "dtype": "float32"},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            **special,
        },
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": SIZE,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_cls_token": False,
        },
        "2_Normalize/config.json": {},
        "modules.json": [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for n, (path, kind) in enumerate(modules)
        ],
    }
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
