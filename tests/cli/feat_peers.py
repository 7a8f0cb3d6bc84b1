"""Compares the feature tools with kaldi_native_fbank, and with numpy where that has no such function, on random audio,
matrices and options.

Usage: feat_peers.py CASE DIR SEED. The tools are found on PATH. `feat_peers.py probe DIR 0` only imports what
the cases need. Each case ends with status 0, or with a traceback.
"""

import json
import os
import subprocess
import sys
import wave

import kaldi_native_fbank as knf
import kaldiio
import numpy as np


def run(*command):
    subprocess.run([command[0], "--print-args=false", *map(str, command[1:])], check=True, stderr=subprocess.DEVNULL)


def expect_close(want, got, rel, what):
    """The largest deviation against the largest value of the matrix."""
    assert want.shape == got.shape, (what, want.shape, got.shape)
    worst = np.abs(want - got).max() / max(1.0, np.abs(want).max())
    assert worst <= rel, f"{what}: relative deviation {worst:.2g}"
    return worst


def sound(rng, n):
    t = np.arange(n)
    x = 3000 * np.sin(0.11 * t) + 500 * np.sin(0.9 * t) + 37 + rng.standard_normal(n) * rng.uniform(5, 900)
    return np.clip(np.round(x), -32768, 32767).astype(np.int16)


def write_wav(path, rate, samples):
    with wave.open(path, "wb") as f:
        f.setparams((1, 2, rate, 0, "NONE", ""))
        f.writeframes(samples.tobytes())


def random_frame_options(rng, options):
    """Draws options of frames and filters into a knf object and returns them for our command line."""
    frame, mel = options.frame_opts, options.mel_opts
    frame.samp_freq = int(rng.choice([8000, 11025, 16000, 44100]))
    frame.dither = 0
    frame.frame_length_ms = float(rng.choice([20, 25, 32]))
    frame.frame_shift_ms = float(rng.choice([5, 10, 12.5]))
    frame.preemph_coeff = float(rng.choice([0, 0.5, 0.97]))
    frame.remove_dc_offset = bool(rng.integers(2))
    frame.window_type = str(rng.choice(["povey", "hamming", "hanning", "rectangular", "blackman"]))
    frame.round_to_power_of_two = frame.samp_freq in (11025, 44100) or bool(rng.integers(4))
    frame.snip_edges = bool(rng.integers(2))
    mel.num_bins = int(rng.choice([15, 20, 23]))
    mel.low_freq = float(rng.choice([20, 60, 100.5]))
    mel.high_freq = float(rng.choice([0, -200, 3700]))
    return [
        f"--sample-frequency={frame.samp_freq:g}",
        "--dither=0",
        f"--frame-length={frame.frame_length_ms:g}",
        f"--frame-shift={frame.frame_shift_ms:g}",
        f"--preemphasis-coefficient={frame.preemph_coeff:g}",
        f"--remove-dc-offset={str(frame.remove_dc_offset).lower()}",
        f"--window-type={frame.window_type}",
        f"--round-to-power-of-two={str(frame.round_to_power_of_two).lower()}",
        f"--snip-edges={str(frame.snip_edges).lower()}",
        f"--num-mel-bins={mel.num_bins}",
        f"--low-freq={mel.low_freq:g}",
        f"--high-freq={mel.high_freq:g}",
    ]


def random_flags(rng, options, names):
    flags = []
    for name in names:
        value = bool(rng.integers(2))
        setattr(options, name, value)
        flags.append(f"--{name.replace('_', '-')}={str(value).lower()}")
    return flags


def extract(kind, options, samples):
    extractor = {"mfcc": knf.OnlineMfcc, "fbank": knf.OnlineFbank}[kind](options)
    extractor.accept_waveform(options.frame_opts.samp_freq, samples.astype(np.float32).tolist())
    extractor.input_finished()
    return np.array([extractor.get_frame(t) for t in range(extractor.num_frames_ready)])


def compare(kind, path, rng, make_options):
    worst = 0
    for i in range(25):
        options, flags = make_options()
        samples = sound(rng, int(rng.integers(3000, 20000)))
        write_wav(f"{path}/x.wav", int(options.frame_opts.samp_freq), samples)
        run(f"compute-{kind}-feats", *flags, f"scp:echo utt {path}/x.wav |", f"ark:{path}/x.ark")
        got = dict(kaldiio.load_ark(f"{path}/x.ark"))["utt"]
        worst = max(worst, expect_close(extract(kind, options, samples), got, 1e-4, " ".join(flags)))
    print(f"{kind}: worst relative deviation {worst:.2g} in 25 random option sets, allowed 1e-4")


def case_mfcc(path, rng):
    def make():
        options = knf.MfccOptions()
        flags = random_frame_options(rng, options)
        flags += random_flags(rng, options, ["use_energy", "raw_energy", "htk_compat"])
        options.num_ceps = int(rng.choice([1, 7, 13, 15]))
        options.cepstral_lifter = float(rng.choice([0, 10, 22]))
        options.energy_floor = float(rng.choice([0, 1e6, 1e10]))
        flags += [f"--num-ceps={options.num_ceps}", f"--cepstral-lifter={options.cepstral_lifter:g}"]
        return options, flags + [f"--energy-floor={options.energy_floor:g}"]

    compare("mfcc", path, rng, make)


def case_fbank(path, rng):
    def make():
        options = knf.FbankOptions()
        flags = random_frame_options(rng, options)
        names = ["use_energy", "raw_energy", "htk_compat", "use_log_fbank", "use_power"]
        return options, flags + random_flags(rng, options, names)

    compare("fbank", path, rng, make)


def case_vtln(path, rng):
    """The warped filters are knf's: over a power spectrum made here, with a rectangular window."""
    samples = sound(rng, 8000)
    write_wav(f"{path}/x.wav", 16000, samples)
    frames = np.stack([samples[t * 160 : t * 160 + 400] for t in range((8000 - 400) // 160 + 1)]).astype(np.float64)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    for warp, high, low_bend, high_bend in ((0.85, 0, 100, -500), (1.15, -300, 100, -500), (1.1, 0, 60, 7000)):
        mel, frame = knf.MelBanksOptions(), knf.FrameExtractionOptions()
        mel.num_bins, mel.high_freq, mel.vtln_low, mel.vtln_high = 30, high, low_bend, high_bend
        filters = np.array(knf.MelBanks(mel, frame, warp).get_matrix())
        want = np.log(power[:, : filters.shape[1]] @ filters.T)
        run(
            "compute-fbank-feats",
            *("--dither=0 --window-type=rectangular --remove-dc-offset=false --preemphasis-coefficient=0").split(),
            *(f"--num-mel-bins=30 --high-freq={high} --vtln-low={low_bend} --vtln-high={high_bend}").split(),
            *(f"--vtln-warp={warp}", f"scp:echo utt {path}/x.wav |", f"ark:{path}/x.ark"),
        )
        expect_close(want, dict(kaldiio.load_ark(f"{path}/x.ark"))["utt"], 1e-4, f"warp {warp}")


def random_table(rng, path):
    """Also one frame, one dimension, and fewer frames than any window."""
    shapes = [(1, 1), (1, 5), (2, 3), (3, 1), *((int(t), int(d)) for t, d in rng.integers(1, 60, (12, 2)))]
    table = {f"u{i}": (rng.standard_normal(shape) * 10 + 50).astype(np.float32) for i, shape in enumerate(shapes)}
    kaldiio.save_ark(f"{path}/in.ark", table)
    return table


def expect_table(path, want, rel):
    got = dict(kaldiio.load_ark(f"{path}/out.ark"))
    assert list(got) == list(want)
    for key, value in want.items():
        expect_close(value, got[key], rel, key)


def case_deltas(path, rng):
    table = random_table(rng, path)
    for order, window in ((0, 1), (1, 1), (2, 2), (3, 4)):
        options = knf.DeltaOptions()
        options.order, options.window = order, window
        flags = [f"--delta-order={order}", f"--delta-window={window}"]
        run("add-deltas", *flags, f"ark:{path}/in.ark", f"ark:{path}/out.ark")
        expect_table(path, {k: knf.compute_deltas(options, v) for k, v in table.items()}, 1e-6)


def case_splice(path, rng):
    table = random_table(rng, path)
    for left, right in ((0, 0), (4, 4), (0, 7), (9, 1)):
        options = knf.SpliceOptions()
        options.left_context, options.right_context = left, right
        flags = [f"--left-context={left}", f"--right-context={right}"]
        run("splice-feats", *flags, f"ark:{path}/in.ark", f"ark:{path}/out.ark")
        expect_table(path, {k: knf.splice_frames(v, options) for k, v in table.items()}, 0)


def case_cmvn(path, rng):
    """Statistics and both directions; utterances of one frame have no variance and are left out."""
    table = {k: v for k, v in random_table(rng, path).items() if len(v) > 2}
    kaldiio.save_ark(f"{path}/in.ark", table)
    run("compute-cmvn-stats", f"ark:{path}/in.ark", f"ark:{path}/stats.ark")
    stats = dict(kaldiio.load_ark(f"{path}/stats.ark"))
    for key, value in table.items():
        expect_close(knf.compute_cmvn_stats(value), stats[key], 1e-12, key)
    for norm_vars in (False, True):
        for reverse in (False, True):
            options = knf.CmvnOptions()
            options.norm_vars, options.reverse = norm_vars, reverse
            flags = [f"--norm-vars={str(norm_vars).lower()}", f"--reverse={str(reverse).lower()}"]
            run("apply-cmvn", *flags, f"ark:{path}/stats.ark", f"ark:{path}/in.ark", f"ark:{path}/out.ark")
            expect_table(path, {k: knf.apply_cmvn(stats[k], options, v) for k, v in table.items()}, 1e-5)


def naive_sliding(x, window, min_window, center, norm_vars):
    """Kaldi's windows, each summed anew; a window to the left has one frame more than its name says."""
    out = np.zeros_like(x)
    for t in range(len(x)):
        begin, end = (t - window // 2, t - window // 2 + window) if center else (t - window, t + 1)
        if begin < 0:
            begin, end = 0, end - begin
        if not center:
            end = max(t + 1, min_window)
        if end > len(x):
            begin, end = max(0, begin - (end - len(x))), len(x)
        part = x[begin:end].astype(np.float64)
        out[t] = x[t] - part.mean(0)
        if norm_vars:
            out[t] = 0 if len(part) == 1 else out[t] / np.sqrt(np.maximum(part.var(0), 1e-10))
    return out


def case_sliding(path, rng):
    table = random_table(rng, path)
    for i in range(12):
        window, min_window = int(rng.integers(1, 40)), int(rng.integers(1, 40))
        center, norm_vars = bool(i & 1), bool(i & 2)
        run(
            "apply-cmvn-sliding",
            *(f"--cmn-window={window}", f"--min-cmn-window={min_window}"),
            *(f"--center={str(center).lower()}", f"--norm-vars={str(norm_vars).lower()}"),
            *(f"ark:{path}/in.ark", f"ark:{path}/out.ark"),
        )
        want = {k: naive_sliding(v.astype(np.float64), window, min_window, center, norm_vars) for k, v in table.items()}
        expect_table(path, want, 1e-5)


def case_vad(path, rng):
    table = random_table(rng, path)
    for context, scale, proportion in ((0, 0.5, 0.6), (2, 1.0, 0.12), (5, 0.97, 0.6), (100, 1.0, 0.45)):
        flags = [f"--vad-frames-context={context}", f"--vad-energy-mean-scale={scale}"]
        flags += [f"--vad-proportion-threshold={proportion}", "--vad-energy-threshold=0.3"]
        run("compute-vad", *flags, f"ark:{path}/in.ark", f"ark:{path}/vad.ark")
        vad = dict(kaldiio.load_ark(f"{path}/vad.ark"))
        assert list(vad) == list(table)
        voiced = {}
        for key, x in table.items():
            energy = x[:, 0].astype(np.float64)
            loud = energy > 0.3 + scale * energy.mean()
            want = []
            for t in range(len(x)):
                part = loud[max(0, t - context) : t + context + 1]
                want.append(1.0 if part.sum() >= np.float32(len(part)) * np.float32(proportion) else 0.0)
            assert vad[key].tolist() == want, key
            if any(want):
                voiced[key] = x[np.array(want) == 1]
        run("select-voiced-frames", "--max-failures=100", *(f"ark:{path}/{n}.ark" for n in ("in", "vad", "out")))
        expect_table(path, voiced, 0)


def case_stats(path, rng):
    table = {k: np.ascontiguousarray(v[:, :1]) for k, v in random_table(rng, path).items()}
    table = {k: np.hstack([v, v * v, 0 * v - 15.5]).astype(np.float32) for k, v in table.items()}
    table["u4"][0, 0], table["u5"][-1, 1], table["u5"][0, 1] = np.nan, np.inf, -np.inf
    kaldiio.save_ark(f"{path}/in.ark", table)
    run("feat-stats", "--per-utterance=true", f"--json={path}/stats.json", f"ark:{path}/in.ark")
    with open(f"{path}/stats.json") as f:
        stats = json.load(f)

    def expect(got, x):
        finite = x[np.isfinite(x)].astype(np.float64)
        assert (got["nan"], got["inf"]) == (np.isnan(x).sum(), np.isinf(x).sum())
        assert got["silent"] == (finite <= -15).sum()
        want = [finite.mean(), finite.var(), finite.min(), finite.max()]
        np.testing.assert_allclose([got[n] for n in ("mean", "variance", "min", "max")], want, rtol=1e-9)

    whole = np.concatenate(list(table.values()))
    assert (stats["utterances"], stats["dimension"]) == (len(table), 3)
    assert stats["total"]["frames"] == len(whole)
    expect(stats["total"], whole)
    for d in range(3):
        expect(stats["dimensions"][d], whole[:, d])
    assert list(stats["by_utterance"]) == list(table)
    for key, x in table.items():
        expect(stats["by_utterance"][key], x)
        assert stats["by_utterance"][key]["frames"] == len(x)


def main():
    case, path, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    path = os.path.join(path, f"{case}-{seed}")
    os.makedirs(path)
    if case != "probe":
        globals()[f"case_{case}"](path, np.random.default_rng(seed))


main()
