"""Small models with random weights, made on the spot, and what they are asked through; nothing is downloaded."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from sentinelops import _guard  # noqa: E402
from sentinelops.instrument import instrument, uninstrument  # noqa: E402
from sentinelops.testing import Captured, capture  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import (  # noqa: E402
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    pipeline,
)

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    learned = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learned.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>", "<eos>", "<pad>", "[MASK]", "[CLS]", "[SEP]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    learned.train_from_iterator(["Hello there, how are you? I am fine."] * 3, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=learned, unk_token="<unk>", eos_token="<eos>", pad_token="<pad>", mask_token="[MASK]",  # noqa: S106
        cls_token="[CLS]", sep_token="[SEP]", padding_side="left", model_max_length=128,  # noqa: S106
    )  # fmt: skip
    made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="session")
def gpt(tokenizer: Any) -> Any:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=16, n_layer=1, n_head=2, eos_token_id=None,
        bos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    model.config._name_or_path = model.name_or_path = "tests/tiny-gpt2"
    return model


@pytest.fixture(scope="session")
def t5(tokenizer: Any) -> Any:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=16, d_ff=16, d_kv=8, num_layers=1, num_heads=2,
        decoder_start_token_id=tokenizer.pad_token_id, eos_token_id=None, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config).eval()
    model.config._name_or_path = model.name_or_path = "tests/tiny-t5"
    return model


def _bert(kind: Any, tokenizer: Any) -> Any:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=128,
    )  # fmt: skip
    model = kind(config).eval()
    model.config._name_or_path = model.name_or_path = "tests/tiny-bert"
    return model


BERTS = {
    "feature-extraction": BertModel,
    "fill-mask": BertForMaskedLM,
    "text-classification": BertForSequenceClassification,
    "token-classification": BertForTokenClassification,
    "zero-shot-classification": BertForSequenceClassification,
}
if hasattr(__import__("transformers"), "QuestionAnsweringPipeline"):
    BERTS["question-answering"] = BertForQuestionAnswering


@pytest.fixture(scope="session")
def pipes(tokenizer: Any, gpt: Any) -> dict[str, Any]:
    made = {
        task: pipeline(task, model=_bert(kind, tokenizer), tokenizer=tokenizer, device="cpu")
        for task, kind in BERTS.items()
    }
    made["text-generation"] = pipeline("text-generation", model=gpt, tokenizer=tokenizer, device="cpu")
    torch.manual_seed(0)
    vit = ViTForImageClassification(
        ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8,
                  patch_size=4)
    ).eval()  # fmt: skip
    vit.config._name_or_path = vit.name_or_path = "tests/tiny-vit"
    processor = ViTImageProcessor(size={"height": 8, "width": 8})
    made["image-classification"] = pipeline("image-classification", model=vit, image_processor=processor, device="cpu")
    return made


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """What is seen; failures of ours are raised unless a test says otherwise."""
    monkeypatch.setattr(_guard, "strict", True)
    instrument("transformers")
    with capture() as seen:
        yield seen
    uninstrument("transformers")
