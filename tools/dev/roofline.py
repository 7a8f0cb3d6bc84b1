#!/usr/bin/env python3
"""The least time that each kernel of docs/gpu.md can take on a GPU, from arithmetic: the larger of its bytes at the
memory's rate and its operations at the units' rate. A batch of moe-1b: 32 utterances of 10 s; a step of 32 streams.

Usage: tools/dev/roofline.py [--tbytes=4.8] [--fp32=67] [--utterances=32]
   --tbytes   memory, in TB/s; --fp32   float32 without tensor cores, in TFLOP/s (defaults: H200 SXM, NVIDIA's data sheet)
"""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../utils"))
from u2moe_script import Options, positive, run

DIM, HIDDEN, EXPERTS, CHOICES, VOCAB, KERNEL, FRAMES = 640, 2560, 8, 2, 8192, 8, 250


def kernels(utterances):
    """(name, bytes, floating-point operations) of one launch each."""
    rows, few, slots, f = utterances * FRAMES, utterances * 16, CHOICES * utterances * FRAMES, 4
    return [
        ("LayerNormForward", 2 * rows * DIM * f, 8 * rows * DIM),
        ("GluForward", 3 * rows * DIM * f, 6 * rows * DIM),
        ("DepthwiseConvForward", 2 * rows * DIM * f, 2 * rows * DIM * KERNEL),
        ("Conv2dForward, second of the front end", rows * 2 * 39 * DIM * f * 2, 2 * rows * 19 * DIM * DIM * 9),
        ("AttentionForward", 4 * rows * DIM * f, 4 * rows * FRAMES * DIM),
        ("PackedGemm, 640 to 640, float32", (2 * rows * DIM + DIM * DIM) * f, 2 * rows * DIM * DIM),
        ("PackedGemm, few rows (16), 640 to 2560, int8", DIM * HIDDEN + 16 * (DIM + f * HIDDEN), 2 * 16 * DIM * HIDDEN),
        ("RouteRows", rows * (EXPERTS + 4 * CHOICES) * f, 8 * rows * EXPERTS),
        ("GroupedPackedGemm, first of the experts", (slots * (DIM + HIDDEN) + EXPERTS * DIM * HIDDEN) * f,
         2 * slots * DIM * HIDDEN),
        ("GroupedPackedGemm, a step of streams", (CHOICES * few * (DIM + HIDDEN) + EXPERTS * DIM * HIDDEN) * f,
         2 * CHOICES * few * DIM * HIDDEN),
        ("CombineSlots", (slots + 2 * rows) * DIM * f, 2 * slots * DIM),
        ("LogSoftmaxForward", 2 * rows * VOCAB * f, 6 * rows * VOCAB),
        ("AdamUpdate, all of moe-1b", 7 * 1.06e9 * f, 12 * 1.06e9),
    ]


def main():
    parser = Options(__doc__)
    parser.add_argument("--tbytes", type=float, default=4.8)
    parser.add_argument("--fp32", type=float, default=67.0)
    parser.add_argument("--utterances", type=positive, default=32)
    opts = parser.parse()
    print("| kernel | MB | GFLOP | FLOP/byte | bound by | least ms |\n| --- | ---: | ---: | ---: | --- | ---: |")
    for name, size, flops in kernels(opts.utterances):
        memory, units = size / opts.tbytes / 1e9, flops / opts.fp32 / 1e9
        bound = "memory" if memory > units else "float32"
        print(f"| {name} | {size / 1e6:.1f} | {flops / 1e9:.2f} | {flops / size:.1f} | {bound} | {max(memory, units):.3f} |")


if __name__ == "__main__":
    run(main)
