#!/usr/bin/env python3
"""Real-time factor of WeNet (PyTorch, CPU) on the three models at the paper's scale: the peer of `make bench`.

Usage: PYTHONPATH=<torch> wenet_peer.py --wenet=<checkout> [--models=dense-225m,moe-1b,dense-1b]
         [--modes=whole,rescore,chunks,chunks-left4,chunks-ctc] [--precisions=float32,int8] [--threads=1]
         [--rounds=5] [--routing=even|model] [--json=FILE]

torch:  pip install --target <torch> torch==2.11.0 numpy   (figures differ between versions: it is printed)
WeNet:  git clone https://github.com/wenet-e2e/wenet <checkout>, commit 01546996 (the one of tests/golden) or one
        near it. Used are encoder, decoder, ctc and asr_model and what these import; its __init__.py is not run, so
        that what only its command line needs can be missing. No code of WeNet is in this repository.

Input is random: 1000 frames of 80 features (10 s), weights as WeNet's constructors draw them, which is enough for
the speed of dense layers. Routers of such weights send a whole chunk to the same few experts (4.7 of 8 a chunk of
16), which would flatter. So --routing=even replaces their output, after it is computed, by random numbers: 7.9 of 8,
as with balanced training; --routing=model leaves it. The distinct experts per call of a layer are printed.

What is timed, reading and building apart:
  whole         encoder and CTC log-probabilities of the utterance at once
  rescore       forward_attention_decoder, WeNet's own for n-best lists: 10 hypotheses of 30 tokens as one batch of
                10 x 31, encoder output repeated 10 times, both decoders, log-softmax over the vocabulary; without
                the loop in Python that adds up the scores
  chunks        forward_chunk in chunks of 16 with caches, all left chunks; encoder alone
  chunks-left4  the same with four left chunks
  chunks-ctc    chunks, and the CTC log-probabilities after each chunk
Seconds are the least of the rounds, after one that does not count, of CPU time of the process (all its threads) and
of wall time. int8 is PyTorch's dynamic quantisation of all linear layers, the router with them, not of convolutions.
One model at a time is in memory: 4.3 GB for moe-1b.
"""

import argparse
import gc
import importlib
import os
import sys
import time
import types
import warnings

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../utils"))
from u2moe_script import Options, die, positive, run, write_json

FRAMES, DIM, SECONDS, VOCAB = 1000, 80, 10.0, 8192
CHUNK, HYPS, TOKENS = 16, 10, 30
MODELS = {  # name: blocks, model dimension, hidden dimension, heads, mixture of experts
    "dense-225m": (15, 640, 2560, 10, False),
    "moe-1b": (15, 640, 2560, 10, True),
    "dense-1b": (18, 1280, 5120, 20, False),
}
MODES = ("whole", "rescore", "chunks", "chunks-left4", "chunks-ctc")
PRECISIONS = ("float32", "int8")


def load_wenet(checkout):
    """A function that imports a module of WeNet's models, wherever this version has them."""
    package = types.ModuleType("wenet")
    package.__path__ = [os.path.join(checkout, "wenet")]
    sys.modules["wenet"] = package
    if not os.path.isdir(os.path.join(checkout, "wenet/utils")):
        die(f"{checkout} is no checkout of WeNet: it has no wenet/utils")
    newer = os.path.isdir(os.path.join(checkout, "wenet/models"))
    folder = "wenet.models.transformer" if newer else "wenet.transformer"
    return lambda name: importlib.import_module(f"{folder}.{name}")


def build(wenet, name):
    blocks, dim, hidden, heads, moe = MODELS[name]
    common = {"attention_heads": heads, "linear_units": hidden}
    if moe:
        common.update(mlp_type="moe", n_expert=8, n_expert_activated=2)
    encoder = wenet("encoder").ConformerEncoder(
        DIM, dim, num_blocks=blocks, input_layer="conv2d", pos_enc_layer_type="rel_pos", causal=True,
        cnn_module_kernel=15, cnn_module_norm="layer_norm", use_dynamic_chunk=True, **common)
    decoder = wenet("decoder").BiTransformerDecoder(VOCAB, dim, num_blocks=3, r_num_blocks=3, **common)
    return wenet("asr_model").ASRModel(VOCAB, encoder, decoder, wenet("ctc").CTC(VOCAB, dim)).eval()


def route_evenly(torch, model):
    for layer in model.modules():
        if hasattr(layer, "gate"):
            layer.gate.register_forward_hook(lambda _layer, _input, logits: torch.randn_like(logits))


def watch_experts(model):
    """Counts per call of an expert layer the distinct experts; a function returns their mean and forgets."""
    seen = []

    def hook(_layer, _input, logits):
        seen.append(logits.topk(2, dim=-1).indices.unique().numel())

    handles = [m.gate.register_forward_hook(hook) for m in model.modules() if hasattr(m, "gate")]

    def mean():
        for handle in handles:
            handle.remove()
        return sum(seen) / len(seen) if seen else None

    return mean


def chunks(torch, model, feats, left, ctc):
    """forward_chunk over the utterance as WeNet's forward_chunk_by_chunk calls it."""
    rate, context = model.encoder.embed.subsampling_rate, model.encoder.embed.right_context + 1
    window = (CHUNK - 1) * rate + context
    attention, convolution, offset = torch.zeros(0, 0, 0, 0), torch.zeros(0, 0, 0, 0), 0
    for begin in range(0, FRAMES - context + 1, CHUNK * rate):
        out, attention, convolution = model.encoder.forward_chunk(
            feats[:, begin : begin + window], offset, CHUNK * left, attention, convolution)
        if ctc:
            model.ctc.log_softmax(out)
        offset += out.size(1)
    return offset


def runs(torch, model):
    """mode -> function that does it once."""
    feats, lengths = torch.randn(1, FRAMES, DIM), torch.tensor([FRAMES])
    sos = torch.full((HYPS, 1), VOCAB - 1)
    hyps = torch.cat([sos, torch.randint(2, VOCAB - 1, (HYPS, TOKENS))], dim=1)
    encoded, _ = model.encoder(feats, lengths, decoding_chunk_size=-1)
    assert encoded.size(1) == 249

    def rescore():
        left, right = model.forward_attention_decoder(hyps, torch.full((HYPS,), TOKENS + 1), encoded, 0.3)
        assert left.shape == right.shape == (HYPS, TOKENS + 1, VOCAB)

    return {
        "whole": lambda: model.ctc.log_softmax(model.encoder(feats, lengths, decoding_chunk_size=-1)[0]),
        "rescore": rescore,
        "chunks": lambda: chunks(torch, model, feats, -1, False),
        "chunks-left4": lambda: chunks(torch, model, feats, 4, False),
        "chunks-ctc": lambda: chunks(torch, model, feats, -1, True),
    }


def best_of(run, rounds):
    """Least CPU and wall seconds."""
    cpu = wall = float("inf")
    for _ in range(rounds):
        begin_cpu, begin_wall = time.process_time(), time.perf_counter()
        run()
        cpu, wall = min(cpu, time.process_time() - begin_cpu), min(wall, time.perf_counter() - begin_wall)
    return cpu, wall


def matmul_rates(torch, rounds):
    """GFLOP/s by rows of x W^T, 640 -> 2560, 12 matrices in turn so that weights come from memory."""
    weights = [torch.randn(2560, 640) for _ in range(12)]
    rates = {}
    for rows in (1, 16, 250, 1000):
        x = torch.randn(rows, 640)
        cpu, _ = best_of(lambda: [torch.nn.functional.linear(x, w) for w in weights], max(rounds, 10))
        rates[rows] = 2e-9 * rows * 640 * 2560 * len(weights) / cpu
    return rates


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return "unknown"


def measure(torch, wenet, name, args):
    torch.manual_seed(1)
    model = build(wenet, name)
    if args.routing == "even":
        route_evenly(torch, model)
    count = sum(p.numel() for p in model.parameters())
    for precision in args.precisions:  # float32 first: the other is made of it in place
        if precision == "int8":
            torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8, inplace=True)
        todo = runs(torch, model)
        for mode in args.modes:
            experts = watch_experts(model)
            todo[mode]()  # does not count
            distinct = experts()
            cpu, wall = best_of(todo[mode], args.rounds)
            result = {"model": name, "parameters": count, "precision": precision, "mode": mode, "cpu_seconds": cpu,
                      "wall_seconds": wall, "rtf": cpu / SECONDS, "distinct_experts": distinct}
            note = "" if distinct is None else f"   {distinct:.1f} of 8 experts a call"
            print(f"{name:10} {count / 1e6:7.1f} M  {precision:7}  {mode:12}  CPU {cpu:7.3f} s  wall {wall:7.3f} s  "
                  f"RTF {cpu / SECONDS:.4f}{note}", flush=True)
            yield result


def options():
    def choice(known):
        def parse(text):
            names = text.split(",")
            for name in names:
                if name not in known:
                    raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
            return [name for name in known if name in names]

        return parse

    parser = Options(__doc__, details=True)
    parser.add_argument("--wenet", required=True, metavar="DIR", help="folder that holds WeNet's folder wenet")
    parser.add_argument("--models", type=choice(MODELS), default=list(MODELS))
    parser.add_argument("--modes", type=choice(MODES), default=list(MODES))
    parser.add_argument("--precisions", type=choice(PRECISIONS), default=["float32"])
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--routing", choices=("even", "model"), default="even")
    parser.add_argument("--json", metavar="FILE")
    return parser.parse()


def main():
    args = options()
    import torch

    warnings.filterwarnings("ignore", "torch.ao.quantization is deprecated")
    torch.set_num_threads(args.threads)
    wenet = load_wenet(args.wenet)
    with torch.inference_mode():
        report = {"peer": "wenet", "torch": torch.__version__, "cpu": cpu_model(), "threads": args.threads,
                  "instruction_set": torch.backends.cpu.get_cpu_capability(), "seconds_of_audio": SECONDS,
                  "rounds": args.rounds, "routing": args.routing, "chunk": CHUNK, "load_before": os.getloadavg()[0],
                  "matmul_gflops": matmul_rates(torch, args.rounds), "results": []}
        print(f"WeNet, torch {torch.__version__}, CPU {report['cpu']}, {report['instruction_set']}, {args.threads} "
              f"thread(s), {SECONDS:.0f} s of features, chunk {CHUNK}, least of {args.rounds} after 1")
        print("matmul 640 -> 2560, GFLOP/s by rows: "
              + ", ".join(f"{rows}: {rate:.1f}" for rows, rate in report["matmul_gflops"].items()))
        for name in args.models:
            report["results"] += measure(torch, wenet, name, args)
            gc.collect()  # the model is gone before the next is built
    report["load_after"] = os.getloadavg()[0]
    if args.json:
        write_json(args.json, report)


if __name__ == "__main__":
    run(main)
