#!/usr/bin/env python3
"""Real-time factor of 80-bin filter banks: u2moe, kaldi-native-fbank and, where installed, torchaudio.

Usage: fbank_peers.py [build/cpu]. One thread each, the same 60 s at 16 kHz, 80 bins, dither 0; the peers in
turn with us, best of 7 runs after one that does not count. CPU time of the computation alone: no reading, no
writing, no conversion of its result. Needs numpy and kaldi-native-fbank (a peer that is missing is named).
"""

import os
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../utils"))
from u2moe_script import run as run_script

os.environ["OMP_NUM_THREADS"] = "1"

SECONDS, RATE, RUNS = 60, 16000, 7


def native_fbank(samples):
    import kaldi_native_fbank as knf

    opts = knf.FbankOptions()
    opts.frame_opts.dither = 0
    opts.mel_opts.num_bins = 80

    def run():
        fbank = knf.OnlineFbank(opts)
        begin = time.process_time()
        fbank.accept_waveform(RATE, samples)
        fbank.input_finished()
        assert fbank.num_frames_ready == 5998
        return time.process_time() - begin

    return run


def torchaudio_fbank(samples):
    import torch
    import torchaudio

    torch.set_num_threads(1)
    wave = torch.from_numpy(samples).unsqueeze(0)

    def run():
        begin = time.process_time()
        feats = torchaudio.compliance.kaldi.fbank(wave, num_mel_bins=80, dither=0.0)
        assert feats.shape == (5998, 80)
        return time.process_time() - begin

    return run


def ours(build):
    bench = os.path.join(build, "tests/bench/fbank-bench")

    def run():
        lines = subprocess.run([bench], check=True, capture_output=True, text=True).stdout.splitlines()
        (line,) = [line for line in lines if line.startswith("fbank 80 bins ")]
        return float(line.split("RTF ")[1].split(",")[0]) * SECONDS

    return run


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return "unknown"


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build/cpu"
    import numpy as np

    samples = np.round(1000 * np.random.default_rng(1).standard_normal(SECONDS * RATE)).astype(np.float32)
    runs, missing = {"u2moe": ours(build)}, []
    for name, make in (("kaldi-native-fbank", native_fbank), ("torchaudio", torchaudio_fbank)):
        try:
            runs[name] = make(samples)
        except ImportError as e:
            missing.append(f"{name} ({e})")
    best = {name: run() for name, run in runs.items()}  # does not count
    best = dict.fromkeys(best, float("inf"))
    for _ in range(RUNS):
        for name, run in runs.items():
            best[name] = min(best[name], run())
    print(f"CPU {cpu_model()}, 1 thread, float32, {SECONDS} s of audio at {RATE} Hz, 80 bins, dither 0")
    for name, seconds in best.items():
        print(f"  {name:20} RTF {seconds / SECONDS:.6f}   {seconds / best['u2moe']:.2f} times u2moe's")
    for name in missing:
        print(f"  not installed: {name}")


if __name__ == "__main__":
    run_script(main)
