"""compute-fbank-feats and compute-mfcc-feats against kaldi_native_fbank, whole and online.

Usage: interop_fbank.py CASE DIR SEED, CASE one of golden (the option sets of the golden vectors; needs
their options.json and wav/ as 4th argument), random (option sets and audio drawn from SEED) and probe.
Prints the largest deviation. A value may deviate by 1e-4 of its magnitude, or of 1 where it is smaller:
features are logarithms, so that is 1e-4 of the energy. To this comes what float32 makes of a band whose
energy E is far below the frame's largest, M: a transform's values are right to 2^-24 of the largest one, so
log E is to 2^-24 sqrt(M / E). In speech at 16 bits that matters for about one value in 100000.
"""

import json
import os
import subprocess
import sys
import wave

import kaldi_native_fbank as knf
import kaldiio
import numpy as np

FRAME = {
    "sample-frequency": "samp_freq",
    "frame-length": "frame_length_ms",
    "frame-shift": "frame_shift_ms",
    "dither": "dither",
    "preemphasis-coefficient": "preemph_coeff",
    "remove-dc-offset": "remove_dc_offset",
    "window-type": "window_type",
    "round-to-power-of-two": "round_to_power_of_two",
    "snip-edges": "snip_edges",
}
MEL = {"num-mel-bins": "num_bins", "low-freq": "low_freq", "high-freq": "high_freq"}
FBANK = {name: name.replace("-", "_") for name in ("use-energy", "energy-floor", "raw-energy", "htk-compat", "use-log-fbank", "use-power")}
MFCC = {name: name.replace("-", "_") for name in ("use-energy", "energy-floor", "raw-energy", "htk-compat", "num-ceps", "cepstral-lifter")}


def peer(kind, options, samples):
    """Features [T, D] by kaldi_native_fbank."""
    opts = knf.FbankOptions() if kind == "fbank" else knf.MfccOptions()
    for name, value in options.items():
        if name in FRAME:
            setattr(opts.frame_opts, FRAME[name], value)
        elif name in MEL:
            setattr(opts.mel_opts, MEL[name], value)
        else:
            setattr(opts, (FBANK if kind == "fbank" else MFCC)[name], value)
    extractor = knf.OnlineFbank(opts) if kind == "fbank" else knf.OnlineMfcc(opts)
    extractor.accept_waveform(options["sample-frequency"], samples.tolist())
    extractor.input_finished()
    return np.array([extractor.get_frame(t) for t in range(extractor.num_frames_ready)])


def rounding(kind, options, samples):
    """[T, 1 or D] what float32 leaves open in logarithmic features."""
    if not options.get("use-log-fbank", True):
        return 0
    plain = {**{name: value for name, value in options.items() if name in FRAME or name in MEL}, "use-energy": False}
    log_mel = peer("fbank", plain, samples)
    noise = 2.0**-24 * np.exp((log_mel.max(1, keepdims=True) - log_mel) / 2)
    if kind == "fbank":
        if not options["use-energy"]:
            return noise
        return np.pad(noise, ((0, 0), (0, 1)) if options["htk-compat"] else ((0, 0), (1, 0)))
    # Each coefficient sums them with weights of at most sqrt(2 / bins) and a lifter of at most 12.
    lifter = 1 + options["cepstral-lifter"] / 2
    return lifter * np.sqrt(2 / noise.shape[1] * (noise**2).sum(1, keepdims=True))


def as_arguments(options):
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in options.items()]


def ours(kind, options, path, *more):
    command = [f"compute-{kind}-feats", "--print-args=false", *as_arguments(options), *more]
    if not more:
        command.append(f"scp:echo utt {path} |")
    else:
        command.append(path)
    subprocess.run([*command, f"ark:{path}.ark"], check=True, stderr=subprocess.DEVNULL)
    return np.concatenate([value for _, value in kaldiio.load_ark(f"{path}.ark")])


def compare(name, kind, options, samples, path):
    """The largest deviation in units of what is allowed."""
    with wave.open(path, "wb") as w:
        w.setparams((1, 2, int(options["sample-frequency"]), 0, "NONE", ""))
        w.writeframes(samples.astype("<i2").tobytes())
    want, got = peer(kind, options, samples.astype(np.float32)), ours(kind, options, path)
    assert got.shape == want.shape, (name, got.shape, want.shape)
    allowed = 1e-4 * np.maximum(1, np.abs(want)) + rounding(kind, options, samples.astype(np.float32))
    share = (np.abs(got - want) / allowed).max()
    assert share <= 1, f"{name}: {share:.2f} of what is allowed, with {' '.join(as_arguments(options))}"
    if kind == "fbank":
        online = ours(kind, options, path, "--online-frames=5")
        assert np.array_equal(online, got), f"{name}: online features differ"
    return share


def random_options(rng, kind):
    rate = int(rng.choice([8000, 11025, 16000, 44100]))
    options = {
        "sample-frequency": rate,
        "frame-length": float(rng.choice([20, 25, 32, 50])),
        "frame-shift": float(rng.choice([5, 10, 12.5, 20])),
        "dither": 0,
        "preemphasis-coefficient": float(rng.choice([0, 0.5, 0.97])),
        "remove-dc-offset": bool(rng.integers(2)),
        "window-type": str(rng.choice(["povey", "hamming", "hanning", "rectangular", "blackman"])),
        "snip-edges": bool(rng.integers(2)),
        "num-mel-bins": int(rng.choice([15, 20, 23])),
        "low-freq": float(rng.choice([20, 60, 125])),
        "high-freq": float(rng.choice([0, -200, 3700])),
        "use-energy": bool(rng.integers(2)),
        "raw-energy": bool(rng.integers(2)),
        "htk-compat": bool(rng.integers(2)),
        "energy-floor": float(rng.choice([0, 1, 1e9])),
    }
    if kind == "fbank":
        options["use-log-fbank"] = bool(rng.integers(4))
        options["use-power"] = bool(rng.integers(2))
    else:
        options["num-ceps"] = int(rng.integers(5, 15))
        options["cepstral-lifter"] = float(rng.choice([0, 22]))
    return options


def case_random(path, seed):
    worst = 0
    for i in range(12):
        rng = np.random.default_rng([seed, i])
        kind = "fbank" if i % 2 == 0 else "mfcc"
        options = random_options(rng, kind)
        n = int(rng.integers(options["sample-frequency"] // 10, options["sample-frequency"]))
        t = np.arange(n) / options["sample-frequency"]
        sound = 4000 * np.sin(2 * np.pi * rng.uniform(100, 3000) * t) + rng.uniform(100, 2000) * rng.standard_normal(n) + 50
        worst = max(worst, compare(f"random {seed}.{i}", kind, options, np.round(sound), os.path.join(path, "random.wav")))
    print(f"random, seed {seed}: at most {worst:.3f} of what is allowed")


def case_golden(path, folder):
    with open(os.path.join(folder, "options.json")) as f:
        sets = json.load(f)
    for name, options in sets.items():
        kind = options["kind"]
        table = {**FRAME, **MEL, **(FBANK if kind == "fbank" else MFCC)}
        json_names = {"frame-length": "frame_length_ms", "frame-shift": "frame_shift_ms", "sample-frequency": "sample_frequency"}
        chosen = {}
        for option in table:
            key = json_names.get(option, option.replace("-", "_"))
            if key in options:
                chosen[option] = options[key]
        worst = 0
        for file in sorted(os.listdir(os.path.join(folder, "wav"))):
            with wave.open(os.path.join(folder, "wav", file)) as w:
                if w.getframerate() != chosen["sample-frequency"]:
                    continue
                samples = np.frombuffer(w.readframes(w.getnframes()), "<i2")
            worst = max(worst, compare(f"{name} {file}", kind, chosen, samples, os.path.join(path, "golden.wav")))
        print(f"{name}: at most {worst:.3f} of what is allowed")


def main():
    case, path = sys.argv[1], sys.argv[2]
    if case == "random":
        case_random(path, int(sys.argv[3]))
    elif case == "golden":
        case_golden(path, sys.argv[4])


main()
