#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a small llama-architecture language model on one CPU thread, for a given time.

Needs Debian's python3-torch and python3-sentencepiece. The texts come from prepare_text.py, the
tokenizer from spm_train. Writes a folder as Hugging Face's library lays it out: model.safetensors
(float16), config.json and tokenizer.model.

The learning rate follows the clock, not the step count: the same settings on a faster machine see
more text and end lower. Two runs therefore never give the same weights; the weights in the
repository are the ones that the known answers belong to.
"""
import argparse
import json
import math
import shutil
import struct
import time
from pathlib import Path

import numpy
import sentencepiece
import torch
import torch.nn.functional as functional
from torch import nn

ROPE_BASE = 10000.0
NORM_EPSILON = 1e-5
LONGEST_CONTEXT = 512
BOS = 1
WARM_UP_STEPS = 100
LOWEST_RATE_SHARE = 0.05  # of the peak learning rate, at the end of the cosine
STEPS_PER_LOG_LINE = 200


class RmsNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPSILON) * self.weight


def rotate(x, cosines, sines):
    """Rotary embedding on halves, the layout of Hugging Face checkpoints."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


class Block(nn.Module):
    def __init__(self, size, heads, key_value_heads, feed_forward):
        super().__init__()
        self.heads = heads
        self.key_value_heads = key_value_heads
        self.head_size = size // heads
        self.q_proj = nn.Linear(size, heads * self.head_size, bias=False)
        self.k_proj = nn.Linear(size, key_value_heads * self.head_size, bias=False)
        self.v_proj = nn.Linear(size, key_value_heads * self.head_size, bias=False)
        self.o_proj = nn.Linear(heads * self.head_size, size, bias=False)
        self.gate_proj = nn.Linear(size, feed_forward, bias=False)
        self.up_proj = nn.Linear(size, feed_forward, bias=False)
        self.down_proj = nn.Linear(feed_forward, size, bias=False)
        self.input_norm = RmsNorm(size)
        self.post_attention_norm = RmsNorm(size)

    def split_heads(self, x, heads):
        batch, tokens, _ = x.shape
        return x.view(batch, tokens, heads, self.head_size).transpose(1, 2)

    def attention(self, x, cosines, sines, mask):
        q = rotate(self.split_heads(self.q_proj(x), self.heads), cosines, sines)
        k = rotate(self.split_heads(self.k_proj(x), self.key_value_heads), cosines, sines)
        v = self.split_heads(self.v_proj(x), self.key_value_heads)
        repeats = self.heads // self.key_value_heads
        k = k.repeat_interleave(repeats, 1)
        v = v.repeat_interleave(repeats, 1)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(self.head_size) + mask).softmax(-1)
        batch, _, tokens, _ = scores.shape
        joined = (scores @ v).transpose(1, 2).reshape(batch, tokens, self.heads * self.head_size)
        return self.o_proj(joined)

    def forward(self, x, cosines, sines, mask):
        x = x + self.attention(self.input_norm(x), cosines, sines, mask)
        h = self.post_attention_norm(x)
        return x + self.down_proj(functional.silu(self.gate_proj(h)) * self.up_proj(h))


class LanguageModel(nn.Module):
    def __init__(self, vocabulary, size, layers, heads, key_value_heads, feed_forward):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size)
        self.blocks = nn.ModuleList(
            [Block(size, heads, key_value_heads, feed_forward) for _ in range(layers)]
        )
        self.norm = RmsNorm(size)
        self.head = nn.Linear(size, vocabulary, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.02)
        self.head.weight = self.embedding.weight
        head_size = size // heads
        frequencies = 1 / (ROPE_BASE ** (torch.arange(0, head_size, 2).float() / head_size))
        angles = torch.outer(torch.arange(LONGEST_CONTEXT).float(), frequencies)
        self.register_buffer("cosines", angles.cos())
        self.register_buffer("sines", angles.sin())

    def forward(self, ids):
        tokens = ids.shape[1]
        mask = torch.full((tokens, tokens), float("-inf")).triu(1)
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cosines[:tokens], self.sines[:tokens], mask)
        return self.head(self.norm(x))


def encode_lines(tokenizer, path):
    """All lines of a text as one stream of ids, each line behind a BOS."""
    ids = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            ids += [BOS] + tokenizer.encode(line.strip())
    return torch.tensor(ids)


def loss_of(model, inputs, targets, reduction="mean"):
    logits = model(inputs)
    return functional.cross_entropy(
        logits.view(-1, logits.shape[-1]), targets.view(-1), reduction=reduction
    )


def perplexity(model, ids, context):
    """Over consecutive windows with targets one token on: a progress figure, not the
    convention of the known answers, which score each window by itself."""
    model.eval()
    total = 0.0
    count = 0
    with torch.no_grad():
        for start in range(0, len(ids) - context - 1, context):
            inputs = ids[start : start + context][None]
            targets = ids[start + 1 : start + context + 1][None]
            total += loss_of(model, inputs, targets, reduction="sum").item()
            count += context
    model.train()
    return math.exp(total / count)


def learning_rate(peak, step, progress):
    cosine = 0.5 * (1 + math.cos(math.pi * min(1, progress)))
    warm_up = min(1, (step + 1) / WARM_UP_STEPS)
    return peak * warm_up * (cosine * (1 - LOWEST_RATE_SHARE) + LOWEST_RATE_SHARE)


def train(model, ids, arguments):
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=arguments.learning_rate, betas=(0.9, 0.95), weight_decay=0.1
    )
    context = arguments.context
    start_time = time.time()
    step = 0
    while (progress := (time.time() - start_time) / arguments.seconds) <= 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(arguments.learning_rate, step, progress)
        starts = torch.randint(0, len(ids) - context - 1, (arguments.batch,))
        inputs = torch.stack([ids[i : i + context] for i in starts])
        targets = torch.stack([ids[i + 1 : i + context + 1] for i in starts])
        loss = loss_of(model, inputs, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % STEPS_PER_LOG_LINE == 0:
            print(f"step {step}, {progress:.3f} of the time, loss {loss.item():.4f}", flush=True)


def named_weights(model):
    """Hugging Face's tensor names for the llama architecture."""
    weights = {
        "model.embed_tokens.weight": model.embedding.weight,
        "model.norm.weight": model.norm.weight,
    }
    for index, block in enumerate(model.blocks):
        prefix = f"model.layers.{index}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            weights[f"{prefix}self_attn.{name}.weight"] = getattr(block, name).weight
        for name in ("gate_proj", "up_proj", "down_proj"):
            weights[f"{prefix}mlp.{name}.weight"] = getattr(block, name).weight
        weights[prefix + "input_layernorm.weight"] = block.input_norm.weight
        weights[prefix + "post_attention_layernorm.weight"] = block.post_attention_norm.weight
    return weights


def write_safetensors(path, weights):
    """Tensors by name, in float16; the header is padded to a multiple of eight bytes."""
    header = {"__metadata__": {"format": "pt"}}
    payload = b""
    for name in sorted(weights):
        array = weights[name].detach().numpy().astype(numpy.float16)
        begin = len(payload)
        payload += array.tobytes()
        header[name] = {
            "dtype": "F16",
            "shape": list(array.shape),
            "data_offsets": [begin, len(payload)],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + payload)


def write_config(path, arguments, vocabulary):
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": arguments.size,
        "intermediate_size": arguments.feed_forward,
        "num_hidden_layers": arguments.layers,
        "num_attention_heads": arguments.heads,
        "num_key_value_heads": arguments.key_value_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": LONGEST_CONTEXT,
        "rms_norm_eps": NORM_EPSILON,
        "rope_theta": ROPE_BASE,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "bos_token_id": BOS,
        "eos_token_id": 2,
        "torch_dtype": "float16",
    }
    path.write_text(json.dumps(config, indent=1))


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="folder for the model")
    parser.add_argument("--training-text", type=Path, default=Path("kjv_train.txt"))
    parser.add_argument("--evaluation-text", type=Path, default=Path("kjv_eval.txt"))
    parser.add_argument("--tokenizer", type=Path, default=Path("kjv.model"))
    parser.add_argument("--size", type=int, default=192, help="width of the model")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--key-value-heads", type=int, default=6)
    parser.add_argument("--feed-forward", type=int, default=512)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=0.002, help="at its peak")
    parser.add_argument("--seconds", type=float, default=2400, help="length of the training")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(arguments.tokenizer))
    vocabulary = tokenizer.get_piece_size()
    training = encode_lines(tokenizer, arguments.training_text)
    evaluation = encode_lines(tokenizer, arguments.evaluation_text)
    print(f"{len(training)} training and {len(evaluation)} evaluation tokens", flush=True)
    model = LanguageModel(
        vocabulary,
        arguments.size,
        arguments.layers,
        arguments.heads,
        arguments.key_value_heads,
        arguments.feed_forward,
    )
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    train(model, training, arguments)
    print(f"perplexity {perplexity(model, evaluation, arguments.context):.4f}", flush=True)

    arguments.output.mkdir(parents=True, exist_ok=True)
    write_safetensors(arguments.output / "model.safetensors", named_weights(model))
    write_config(arguments.output / "config.json", arguments, vocabulary)
    shutil.copy(arguments.tokenizer, arguments.output / "tokenizer.model")


if __name__ == "__main__":
    main()
