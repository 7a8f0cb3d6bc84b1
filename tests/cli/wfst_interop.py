"""Usage: wfst_interop.py <folder>. Random language models and lexicons through our tools and through kaldifst and
kaldi-decoder: prints one line a check, "ok <what>" or "bad <what>"."""

import math
import os
import random
import subprocess
import sys

import kaldi_decoder
import kaldifst
import kaldilm
import numpy as np

LETTERS = "abc"
UNITS = ["<blank>", *LETTERS, "▁"]


def tool(name, *args):
    subprocess.run([name, "--print-args=false", *args], check=True, stderr=subprocess.DEVNULL)


def write_model(rng, words):
    bigrams = {(rng.choice(words), rng.choice([*words, "</s>"])) for _ in range(2 * len(words))}
    bigrams |= {("<s>", rng.choice(words))}
    with open("lm.arpa", "w") as f:
        f.write(f"\\data\\\nngram 1={len(words) + 2}\nngram 2={len(bigrams)}\n\n\\1-grams:\n-99 <s> -0.3\n-0.9 </s>\n")
        for w in words:
            f.write(f"{-rng.uniform(0.3, 2):.3f} {w} {rng.uniform(-1, 0.2):.3f}\n")
        f.write("\n\\2-grams:\n")
        for a, b in sorted(bigrams):
            f.write(f"{-rng.uniform(0.05, 1):.3f} {a} {b}\n")
        f.write("\n\\end\\\n")


def write_logp(rng, count, widths):
    with open("logp.txt", "w") as f:
        logps = {}
        for u in range(count):
            m = rng.normal(0, 2, (int(rng.integers(1, 40)), widths)).astype(np.float32)
            m -= np.log(np.exp(m.astype(np.float64)).sum(1, keepdims=True)).astype(np.float32)
            logps[f"u{u:02d}"] = m
            f.write(f"u{u:02d} [\n" + "\n".join(" ".join(f"{x:.9g}" for x in row) for row in m) + " ]\n")
    return logps


def ours(graph, **options):
    tool("ctc-decode", "--method=wfst", f"--graph={graph}", *(f"--{k.replace('_', '-')}={v}" for k, v in options.items()),
         "ark:logp.txt", "ark:/dev/null", "ark,t:scores.txt")
    return {line.split()[0]: float(line.split()[2]) for line in open("scores.txt")}


def score(decoder):
    ok, path = decoder.get_best_path(use_final_probs=True)
    weight = kaldifst.get_linear_symbol_sequence(path)[3]
    return -(weight.value1 + weight.value2) if ok else -math.inf


def faster(graph, logps, beam, max_active, min_active):
    scores = {}
    for key, m in logps.items():
        d = kaldi_decoder.FasterDecoder(graph, kaldi_decoder.FasterDecoderOptions(beam, max_active, min_active))
        d.decode(kaldi_decoder.DecodableCtc(m))
        scores[key] = score(d)
    return scores


def lattice_simple(graph, logps, beam, lattice_beam):
    scores = {}
    for key, m in logps.items():
        config = kaldi_decoder.LatticeSimpleDecoderConfig(beam=beam, lattice_beam=lattice_beam)
        d = kaldi_decoder.LatticeSimpleDecoder(graph, config)
        d.decode(kaldi_decoder.DecodableCtc(m))
        scores[key] = score(d)
    return scores


# Between graphs it is larger: determinisation takes weights that differ by less than 1/1024 for one.
def differences(a, b, tolerance=2e-3):
    return [f"{k} {a[k]} {b[k]}" for k in a if abs(a[k] - b[k]) > tolerance]


def sentence_costs(graph, sentences):
    costs = []
    for sentence in sentences:
        best = kaldifst.shortest_path(kaldifst.compose(kaldifst.make_linear_acceptor(sentence), graph))
        costs.append(kaldifst.get_linear_symbol_sequence(best)[3].value)
    return dict(enumerate(costs))


def grammars(rng, words):
    """The costs of sentences in our G and in that of Kaldi's arpa2fst, both with epsilons for #0."""
    tool("arpa-to-fst", "--read-symbol-table=words.txt", "--disambig-symbol=", "lm.arpa", "G0.fst")
    ids = dict(line.split() for line in open("words.txt"))
    text = kaldilm.arpa2fst("lm.arpa", disambig_symbol="#0", read_symbol_table="words.txt")
    lines = [line.split() for line in text.splitlines()]
    lines = [[f[0], f[1], "0" if f[2] == ids["#0"] else f[2], *f[3:]] if len(f) > 3 else f for f in lines]
    kaldis = kaldifst.compile("\n".join("\t".join(f) for f in lines) + "\n")
    sentences = [[int(ids[rng.choice(words)]) for _ in range(rng.randint(1, 5))] for _ in range(30)]
    ours_fst = kaldifst.StdVectorFst.read("G0.fst")
    kaldifst.arcsort(ours_fst, "ilabel")
    kaldifst.arcsort(kaldis, "ilabel")
    return sentence_costs(ours_fst, sentences), sentence_costs(kaldis, sentences)


def main():
    os.chdir(sys.argv[1])
    with open("units.txt", "w") as f:
        f.write("".join(f"{u} {i}\n" for i, u in enumerate(UNITS)))
    rng, npr = random.Random(4), np.random.default_rng(4)
    for n, topology in enumerate(["correct", "compact", "minimal", "eesen"] * 2):
        words = sorted({"".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(2, 9))})
        write_model(rng, words)
        tool("arpa-to-fst", "--write-symbol-table=words.txt", "lm.arpa", "G.fst")
        tool("make-lexicon-fst", "--read-symbol-table=words.txt", *([] if n < 4 else ["--space-unit="]), "units.txt", "L.fst")
        tool("compile-graph", f"--topology={topology}", "units.txt", "L.fst", "G.fst", "TLG.fst")
        tool("make-ctc-topology", f"--topology={topology}", "--num-disambig=9", "units.txt", "T.fst")
        lexicon, grammar, t = (kaldifst.StdVectorFst.read(f"{x}.fst") for x in "LGT")
        kaldifst.arcsort(lexicon, "olabel")
        kaldifst.arcsort(grammar, "ilabel")
        lg = kaldifst.compose(lexicon, grammar)
        kaldifst.determinize_star(lg)
        kaldifst.minimize_encoded(lg)
        kaldifst.arcsort(lg, "ilabel")
        kaldifst.arcsort(t, "olabel")
        theirs = kaldifst.compose(t, lg)
        theirs.write("theirs.fst")
        logps = write_logp(npr, 20, len(UNITS))
        graph = kaldifst.StdVectorFst.read("TLG.fst")
        name = f"{topology}, {len(words)} words, {graph.num_states} states"
        wide = ours("TLG.fst", graph_beam=1000)
        for what, bad in {
            "Kaldi's arpa2fst": differences(*grammars(rng, words)),
            "kaldifst's graph": differences(wide, ours("theirs.fst", graph_beam=1000), 0.02),
            "FasterDecoder, wide": differences(wide, faster(graph, logps, 1000.0, 1000000, 0)),
            "FasterDecoder on kaldifst's graph": differences(wide, faster(theirs, logps, 1000.0, 1000000, 0), 0.02),
            "FasterDecoder, beam 16": differences(ours("TLG.fst"), faster(graph, logps, 16.0, 7000, 200)),
            "LatticeSimpleDecoder, beam 16": differences(ours("TLG.fst", lattice="ark:/dev/null"),
                                                         lattice_simple(graph, logps, 16.0, 10.0)),
        }.items():
            print("bad" if bad else "ok", f"{name}: {what}", *bad[:3])


main()
