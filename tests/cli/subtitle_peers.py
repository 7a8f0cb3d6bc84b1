"""Other programs read what ctc-align and transcribe write: Praat (praat-parselmouth), textgrid, tgt, pysrt, srt, webvtt-py and
ffmpeg. argv: a folder to work in. JSON, read by Python's own parser, says what must be found. One line a comparison:
"ok NAME", "bad NAME: WHY" or "skip NAME WHY".
"""
import array
import importlib
import json
import math
import random
import re
import shutil
import subprocess
import sys
import wave

folder = sys.argv[1]
ODD = ['say "no"', '<i>x</i> &amp; & < > a<b', '--> 00:00:01,000 --> -->', "{\\an8} \\N \\ae %s \\\\", "ein schönes Wort 你好 ñ",
       "12", "'' `` [1] {} # NOTE STYLE WEBVTT", "!exists <exists> text = size", "a\u0301 \u200bzero \U0001f600"]


def run(*args, **kwargs):
    return subprocess.run(args, check=True, capture_output=True, **kwargs).stdout


def path(name):
    return f"{folder}/{name}"


# Nine utterances in one recording, with pauses of 2 s, each of a word a second; letters are units.
def make_alignments():
    letters = sorted(set("".join(ODD)) - {" "})
    units = ["<blank>", "<unk>", "▁"] + letters
    with open(path("units.txt"), "w", encoding="utf-8") as f:
        f.writelines(f"{u} {i}\n" for i, u in enumerate(units))
    rng = random.Random(5)
    at = 1.0
    with open(path("logp"), "w") as logp, open(path("text"), "w", encoding="utf-8") as text, open(path("segments"), "w") as segments:
        for i, line in enumerate(ODD):
            text.write(f"utt{i} {line}\n")
            ids = []
            for word in line.split():
                for unit in "▁" + word:
                    ids += [units.index(unit), 0]
                ids += [0] * rng.randint(5, 12)
            segments.write(f"utt{i} my-talk {at:.3f} {at + 0.04 * len(ids) + 0.045:.3f}\n")
            at += 0.04 * len(ids) + 2
            logp.write(f"utt{i}  [\n")
            low = math.log(0.1 / (len(units) - 1))
            for t in ids:
                logp.write(" ".join(f"{math.log(0.9) if u == t else low:.4f}" for u in range(len(units))) + "\n")
            logp.write("]\n")
    for name in ("json", "srt", "vtt", "textgrid"):
        run("ctc-align", "--print-args=false", f"--format={name}", f"--segments={path('segments')}", path("units.txt"),
            f"ark:{path('logp')}", f"ark:{path('text')}", path(f"odd.{name}"))


# An untrained model hears much, on two channels at the same time.
def make_channels():
    units = ['<blank>', '<unk>', '<sos/eos>', '"', '&', '<', '▁']
    with open(path("model.units"), "w", encoding="utf-8") as f:
        f.writelines(f"{u} {i}\n" for i, u in enumerate(units))
    with open(path("conf"), "w") as f:
        f.write("feature-dim=20\nmodel-dim=16\nnum-blocks=1\nnum-heads=2\nhidden-dim=16\nnum-experts=2\ndecoder-blocks=1\n"
                "reverse-decoder-blocks=1\n")
    with open(path("fbank"), "w") as f:
        f.write("sample-frequency=8000\nnum-mel-bins=20\n")
    run("nnet-init", "--print-args=false", f"--units={path('model.units')}", f"--fbank-config={path('fbank')}", path("conf"), path("model"))
    rng = random.Random(3)
    with wave.open(path("two.wav"), "wb") as w:
        w.setparams((2, 2, 8000, 0, "NONE", ""))
        w.writeframes(array.array("h", (round(rng.gauss(0, 3000 if t // 16000 % 2 else 100)) for t in range(2 * 8000 * 20))).tobytes())
    for name in ("json", "srt", "vtt", "textgrid"):
        out = run("transcribe", "--print-args=false", "--min-contrast=0", "--min-posterior=0", "--channel=each", f"--format={name}", path("model"),
                  path("two.wav"))
        with open(path(f"two.{name}"), "wb") as f:
            f.write(out)


make_alignments()
make_channels()


def truth(name):  # by channel: [(begin, end, word)]
    words = {}
    with open(path(f"{name}.json"), encoding="utf-8") as f:
        for segment in json.load(f)["segments"]:
            words.setdefault(segment["channel"], []).extend((w["begin"], w["end"], w["word"]) for w in segment["words"])
    return words


def same_times(got, want):
    return len(got) == len(want) and all(abs(a - b) < 6e-4 for g, w in zip(got, want) for a, b in zip(g, w))


def compare_grid(what, tiers):  # tiers: name -> [(begin, end, text)], silence among them or not
    for name in ("odd", "two"):
        want = truth(name)
        got = tiers(path(f"{name}.textgrid"))
        good = len(got) == 2 * len(want)
        for channel, words in want.items():
            tier = got.get("words" if len(want) == 1 else f"words {channel}", [])
            heard = [(b, e, t) for b, e, t in tier if t]
            # Words that overlap end where the next begins, and those of one time share an interval.
            good &= " ".join(t for _, _, t in heard) == " ".join(w for _, _, w in words)
            begins = sorted({b for b, _, _ in words})
            good &= same_times([(b, ) for b, _, _ in heard], [(b, ) for b in begins])
        print(f"ok {what}, {name}" if good else f"bad {what}, {name}: {got}", flush=True)


def compare_cues(what, extension, cues, marked, channel_of=None):  # cues: [(begin, end, text)]; marked: how words stand in them
    for name in ("odd", "two"):
        want = truth(name)
        got = cues(path(f"{name}.{extension}"))
        good = bool(got)
        for channel, words in want.items():
            own = []
            for begin, end, text in got:
                number, text = channel_of(text) if len(want) > 1 else (channel, text)
                if number == channel:
                    own.append((begin, end, text))
            # The letters of the channel in order (the untrained model makes a word as wide as several cues), in cues that do
            # not overlap; each word of the others in the cue that is shown while it begins.
            good &= "".join("".join(t.split()) for _, _, t in own) == "".join(marked(w) for _, _, w in words)
            good &= all(a[1] <= b[0] + 6e-4 for a, b in zip(own, own[1:])) and abs(own[0][0] - words[0][0]) < 6e-4
            if len(want) == 1:
                shown = [(b, e) for b, e, t in own for _ in t.split()]
                good &= all(b - 6e-4 <= w[0] <= e + 6e-4 for (b, e), w in zip(shown, words))
        print(f"ok {what}, {name}" if good else f"bad {what}, {name}: {got}", flush=True)


def bracket(text):
    found = re.match(r"\[(\d+)\] (.*)", text, re.S)
    return int(found.group(1)), found.group(2)


def package(name, of, compare):
    try:
        module = importlib.import_module(name)
    except ImportError:
        print(f"skip {of} no Python package {of}")
        return
    compare(module)


def praat(parselmouth):
    def tiers(name):
        grid = parselmouth.read(name)
        call = parselmouth.praat.call
        found = {}
        for t in range(1, call(grid, "Get number of tiers") + 1):
            found[call(grid, "Get tier name", t)] = [
                (call(grid, "Get start time of interval", t, i), call(grid, "Get end time of interval", t, i),
                 call(grid, "Get label of interval", t, i)) for i in range(1, call(grid, "Get number of intervals", t) + 1)
            ]
        return found

    compare_grid("Praat reads TextGrid", tiers)


def textgrid(module):
    compare_grid("textgrid reads TextGrid", lambda name: {
        tier.name: [(i.minTime, i.maxTime, i.mark) for i in tier] for tier in module.TextGrid.fromFile(name)
    })


def tgt(module):
    compare_grid("tgt reads TextGrid", lambda name: {
        tier.name: [(i.start_time, i.end_time, i.text) for i in tier.intervals] for tier in module.io.read_textgrid(name).tiers
    })


def arrow(word):
    return word.replace("-->", "->")


def pysrt(module):
    compare_cues("pysrt reads SRT", "srt", lambda name: [(c.start.ordinal / 1000, c.end.ordinal / 1000, c.text) for c in module.open(name)], arrow,
                 bracket)


def srt(module):
    def cues(name):
        with open(name, encoding="utf-8") as f:
            return [(c.start.total_seconds(), c.end.total_seconds(), c.content) for c in module.parse(f)]

    compare_cues("srt reads SRT", "srt", cues, arrow, bracket)


def webvtt(module):
    def seconds(clock):
        hours, minutes, rest = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    def voice(text):
        found = re.match(r"<v Channel (\d+)>(.*)", text, re.S)
        return int(found.group(1)), found.group(2)

    escaped = (lambda w: w.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    compare_cues("webvtt-py reads WebVTT", "vtt", lambda name: [(seconds(c.start), seconds(c.end), c.raw_text) for c in module.read(name)],
                 escaped, voice)


# ffmpeg reads both and writes SRT; with marks of its own, and what SubRip and ASS call markup is markup to it.
def ffmpeg():
    if not shutil.which("ffmpeg"):
        print("skip ffmpeg no ffmpeg")
        return

    def cues(name):
        text = run("ffmpeg", "-nostdin", "-v", "error", "-i", name, "-f", "srt", "-").decode()
        found = []
        for block in re.split(r"\n\n(?=\d+\n\d+:\d\d:)", text.strip()):
            clock, _, words = block.partition("\n")[2].partition("\n")
            begin, end = ((lambda h, m, s: int(h) * 3600 + int(m) * 60 + float(s.replace(",", ".")))(*x.split(":")) for x in clock.split(" --> "))
            found.append((begin, end, words))
        return found

    with open(path("odd.srt"), encoding="utf-8") as f:
        times = [[sum(float(x.replace(",", ".")) * k for x, k in zip(c.split(":"), (3600, 60, 1))) for c in line.split(" --> ")]
                 for line in f if re.match(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}$", line)]
    assert len(times) == len(ODD)
    run("ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path("two.wav"), "-i", path("odd.srt"), "-i", path("odd.vtt"), "-map", "0:a", "-map", "1", "-map",
        "2", "-c:a", "flac", "-c:s:0", "srt", "-c:s:1", "webvtt", path("talk.mkv"))
    for what, name in (("SRT", path("odd.srt")), ("WebVTT", path("odd.vtt")), ("SRT out of a film", path("talk.mkv"))):
        got = cues(name)
        good = same_times([g[:2] for g in got], times)
        for line in (0, 4, 5):  # those without anything that is markup to somebody
            good &= any(" ".join(re.sub(r"<[^>]*>", "", t).split()) == ODD[line] for _, _, t in got)
        print(f"ok ffmpeg reads {what}" if good else f"bad ffmpeg reads {what}: {times} {got}", flush=True)


package("parselmouth", "praat-parselmouth", praat)
package("textgrid", "textgrid", textgrid)
package("tgt", "tgt", tgt)
package("pysrt", "pysrt", pysrt)
package("srt", "srt", srt)
package("webvtt", "webvtt-py", webvtt)
ffmpeg()
