#!/usr/bin/env python3
"""Speed and search errors of WFST search: u2moe and kaldi-decoder, one thread each, one run.

Usage: wfst_peers.py [build/cpu [words [utterances]]]. The graph is TLG of a made-up lexicon of letters (20000
words unless told otherwise) and bigrams, by our tools; log-posteriors are those of random sentences under
noise. CPU time of the search alone, the least of two runs, both at the same beam, max-active and
min-active. A search error is an utterance whose best path costs more than that of the widest beam of either
by 0.01. Needs numpy, kaldifst and kaldi-decoder.
"""

import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

SETTINGS = [(20.0, 20000, 200), (16.0, 7000, 200), (12.0, 7000, 200), (8.0, 2000, 20)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_matrix(f, key, m):
    f.write(key.encode() + b" \0BFM \4" + struct.pack("<i", m.shape[0]) + b"\4" + struct.pack("<i", m.shape[1]))
    f.write(np.ascontiguousarray(m, dtype="<f4").tobytes())


def make_words(rng, count):
    words = set()
    while len(words) < count:
        words.add("".join(rng.choice(LETTERS) for _ in range(rng.randint(2, 9))))
    return sorted(words, key=lambda _: rng.random())


def write_arpa(path, rng, words):
    n = len(words)
    unigram = [1 / (r + 3) for r in range(n)]
    total = sum(unigram) * 1.1
    bigrams = set()
    while len(bigrams) < 10 * n:
        bigrams.add((min(int(rng.paretovariate(0.6)), n) - 1, min(int(rng.paretovariate(0.4)), n) - 1))
        if rng.random() < 0.5:
            bigrams.add((rng.randrange(n), rng.randrange(n)))
    with open(path, "w") as f:
        f.write(f"\\data\\\nngram 1={n + 2}\nngram 2={len(bigrams)}\n\n\\1-grams:\n-99 <s> 0\n-1 </s>\n")
        for w, p in zip(words, unigram):
            f.write(f"{math.log10(p / total):.4f} {w} -0.5\n")
        f.write("\n\\2-grams:\n")
        for a, b in sorted(bigrams):
            f.write(f"{math.log10(min(0.5, 20 * unigram[b] / total + 1e-3)):.4f} {words[a]} {words[b]}\n")
        f.write("\n\\end\\\n")
    return unigram


def posteriors(rng, npr, words, unigram):
    tokens = []
    for i, w in enumerate(rng.choices(words, unigram, k=rng.randint(4, 15))):
        tokens += [1 + LETTERS.index(c) for c in w] + [27]
    frames = []
    for t in tokens[:-1]:
        frames += [0] * rng.randint(0, 2) + [t] * rng.randint(1, 2)
    x = npr.normal(0, 1.5, (len(frames), 28))
    for i, t in enumerate(frames):
        x[i, t] += rng.gauss(5, 2)
    x -= np.log(np.exp(x).sum(1, keepdims=True))
    return x.astype(np.float32)


def kaldi(graph, logps, beam, max_active, min_active):
    import kaldi_decoder
    import kaldifst

    fst = kaldifst.StdVectorFst.read(graph)
    fst = kaldifst.StdConstFst(fst)
    decoder = kaldi_decoder.FasterDecoder(
        fst, kaldi_decoder.FasterDecoderOptions(beam=beam, max_active=max_active, min_active=min_active)
    )
    scores, best = {}, math.inf
    for run in range(2):
        spent = 0.0
        for key, m in logps.items():
            decodable = kaldi_decoder.DecodableCtc(m)
            begin = time.process_time()
            decoder.decode(decodable)
            ok, path = decoder.get_best_path(use_final_probs=True)
            spent += time.process_time() - begin
            if run == 0:
                weight = kaldifst.get_linear_symbol_sequence(path)[3]
                scores[key] = -(weight.value1 + weight.value2) if ok else -math.inf
        best = min(best, spent)
    return scores, best


def ours(build, graph, ark, beam, max_active, min_active):
    lines = subprocess.run(
        [f"{build}/tests/bench/wfst-bench", graph, f"ark:{ark}", str(beam), str(max_active), str(min_active)],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()
    fields = [line.split() for line in lines]
    scores = {f[1]: float(f[2]) for f in fields if f[0] == "score"}
    times = {f[0]: float(f[1]) for f in fields if f[0] != "score"}
    return scores, times["best-path"], times["lattice"]


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build/cpu"
    num_words = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    utterances = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    rng, npr = random.Random(1), np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as d:
        def tool(name, *args):
            subprocess.run([f"{build}/bin/{name}", "--print-args=false", *args], check=True, cwd=d,
                           stderr=subprocess.DEVNULL)

        build = os.path.abspath(build)
        words = make_words(rng, num_words)
        unigram = write_arpa(f"{d}/lm.arpa", rng, words)
        with open(f"{d}/units.txt", "w") as f:
            f.write("".join(f"{u} {i}\n" for i, u in enumerate(["<blank>", *LETTERS, "▁"])))
        tool("arpa-to-fst", "--write-symbol-table=words.txt", "lm.arpa", "G.fst")
        tool("make-lexicon-fst", "--read-symbol-table=words.txt", "units.txt", "L.fst")
        logps = {f"u{i:03d}": posteriors(rng, npr, words, unigram) for i in range(utterances)}
        frames = sum(len(m) for m in logps.values())
        with open(f"{d}/logp.ark", "wb") as f:
            for key, m in logps.items():
                write_matrix(f, key, m)
        for topology in ("correct", "compact"):
            begin = time.time()
            tool("compile-graph", f"--topology={topology}", "units.txt", "L.fst", "G.fst", "TLG.fst")
            graph = f"{d}/TLG.fst"
            print(f"{topology}: {num_words} words, graph {os.path.getsize(graph) / 1e6:.0f} MB in "
                  f"{time.time() - begin:.0f} s; {utterances} utterances, {frames} frames")
            best = None
            print("  beam max-act min-act   us/frame: ours  (lattice)  kaldi   errors: ours kaldi   equal scores")
            for beam, max_active, min_active in SETTINGS:
                a, a_time, a_lattice = ours(build, graph, f"{d}/logp.ark", beam, max_active, min_active)
                b, b_time = kaldi(graph, logps, beam, max_active, min_active)
                if best is None:
                    best = {k: max(a[k], b[k]) for k in a}
                errors = [sum(s[k] < best[k] - 0.01 for k in best) for s in (a, b)]
                equal = sum(abs(a[k] - b[k]) < 0.01 for k in a)
                us = [1e6 * t / frames for t in (a_time, a_lattice, b_time)]
                print(f"  {beam:4.0f} {max_active:7d} {min_active:7d} {us[0]:16.1f} {us[1]:11.1f} {us[2]:6.1f}"
                      f" {errors[0]:13d} {errors[1]:5d} {equal:8d} of {utterances}", flush=True)


if __name__ == "__main__":
    main()
