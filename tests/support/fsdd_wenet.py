"""What tests/cli/fsdd-wenet.sh needs beside the tools (standard library only).

fsdd_wenet.py units <config.json>            units.txt on stdout
fsdd_wenet.py options < nnet-info --json     the model's feature options as a configuration file
fsdd_wenet.py compare <wenet-model-dir> <our-model-dir> <tmp> <table>
    Compares our transcripts and error rates with WeNet's hyps_*.txt and eval.json, and our features with its. Lists
    every transcript that differs with the gap of the two hypotheses' scores in our model, in natural-log units. Exit
    status 1 if a gap is above NEAR_TIE or an error rate is not explained by the transcripts.
"""
import array
import json
import math
import os
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../utils'))
from u2moe_script import run, usage_error, writing

# WeNet's features come from torchaudio and differ from ours by up to 1e-3 in quiet bins; this much score that may cost.
NEAR_TIE = 0.05
SPACE = '\u2581'


def read_ark(path):
    """{key: rows} of a binary archive of float matrices."""
    with open(path, 'rb') as f:
        data = f.read()
    out, at = {}, 0
    while at < len(data):
        end = data.index(b' ', at)
        key = data[at:end].decode()
        assert data[end + 1:end + 7] == b'\0BFM \4', (path, key)
        rows = int.from_bytes(data[end + 7:end + 11], 'little')
        cols = int.from_bytes(data[end + 12:end + 16], 'little')
        at = end + 16 + 4 * rows * cols
        values = array.array('f', data[end + 16:at])
        out[key] = [values[i * cols:(i + 1) * cols] for i in range(rows)]
    return out


def read_lines(path):
    """{first word: the other words}."""
    with open(path, encoding='utf-8') as f:
        return {line.split()[0]: line.split()[1:] for line in f}


class Decode:
    """Our results for one model, set and chunk size."""

    def __init__(self, exp, units, test, chunk):
        self.exp, self.units, self.test, self.chunk = exp, units, test, chunk
        self.dir = f'{exp}/{test}/{chunk}'
        self.logp = None

    def text(self, tokens):
        return ' '.join(''.join(self.units[int(t)] for t in tokens).replace(SPACE, ' ').split())

    def texts(self, mode):
        return {k: ' '.join(v) for k, v in read_lines(f'{self.dir}/{mode}.text').items()}

    def percent(self, mode, unit):
        with open(f'{self.dir}/{mode}.{unit}', encoding='utf-8') as f:
            data = json.load(f)
        return find(data, 'error_rate')

    def nbest(self, utt):
        """[(text, tokens, CTC score)] of one utterance."""
        tokens, scores = read_lines(f'{self.dir}/nbest.tokens'), read_lines(f'{self.dir}/nbest.scores')
        out = []
        while f'{utt}-{len(out) + 1}' in tokens:
            key = f'{utt}-{len(out) + 1}'
            out.append((self.text(tokens[key]), tokens[key], float(scores[key][1])))
        return out

    def gap(self, mode, utt, ours, theirs):
        """How much better our model finds our transcript than theirs; infinite if it does not consider theirs."""
        if mode == 'ctc_greedy_search':
            return self.greedy_gap(utt, theirs)
        scores = [(text, score if mode == 'ctc_prefix_beam_search' else self.rescore(mode, utt, tokens, score))
                  for text, tokens, score in self.nbest(utt)]
        best = {w: max([s for text, s in scores if text == w], default=-math.inf) for w in (ours, theirs)}
        return best[ours] - best[theirs]

    def greedy_gap(self, utt, theirs):
        """The least distance of the two best tokens of a frame whose exchange turns our transcript into theirs."""
        if self.logp is None:
            self.logp = read_ark(f'{self.dir}/logp.ark')
        order = [sorted(range(len(row)), key=lambda v, row=row: -row[v]) for row in self.logp[utt]]
        gaps = []
        for t, row in enumerate(self.logp[utt]):
            path = [o[0] for o in order]
            path[t] = order[t][1]
            tokens = [v for i, v in enumerate(path) if v != 0 and (i == 0 or path[i - 1] != v)]
            if self.text(tokens) == theirs:
                gaps.append(row[order[t][0]] - row[order[t][1]])
        return min(gaps, default=math.inf)

    def rescore(self, mode, utt, tokens, score):
        base = f'{self.dir}/one'
        with open(f'{base}.tokens', 'w', encoding='utf-8') as f:
            print(f'{utt}-1', *tokens, file=f)
        with open(f'{base}.scores', 'w', encoding='utf-8') as f:
            print(f'{utt}-1 [ {score!r} ]', file=f)
        # All other utterances have no hypotheses, which is a failure each.
        out = subprocess.run(
            ['attention-rescore', '--max-failures=100%', '--ctc-weight=0.5', f'--reverse-weight={mode[-3:]}',
             f'{self.exp}/model.safetensors', f'ark:{self.dir}/encoder.ark', f'ark:{base}.tokens',
             f'ark:{base}.scores', 'ark:/dev/null', 'ark,t:-'], check=True, capture_output=True, text=True).stdout
        return float(out.split()[2])


def find(data, name):
    """The first value of that name in nested JSON objects."""
    if isinstance(data, dict):
        if name in data:
            return data[name]
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            value = find(item, name)
            if value is not None:
                return value
    return None


def compare_features(wenet, tmp):
    ours = {}
    for test in ('test_clean', 'test_noisy'):
        ours.update(read_ark(f'{tmp}/{test}.ark'))
    worst = 0.0
    for key, rows in read_ark(f'{wenet}/parity/feats.ark').items():
        assert len(rows) == len(ours[key]), (key, len(rows), len(ours[key]))
        worst = max(worst, max(abs(a - b) for r, s in zip(rows, ours[key]) for a, b in zip(r, s)))
    print(f'features of 5 utterances differ from torchaudio by at most {worst:.1e}')
    return worst <= 2e-3


def compare(wenet, exp, tmp, table):
    with open(f'{wenet}/config.json', encoding='utf-8') as f:
        units = json.load(f)['units']
    with open(f'{wenet}/eval.json', encoding='utf-8') as f:
        results = json.load(f)['results']
    name = os.path.basename(wenet)
    good = compare_features(wenet, tmp)
    lines, num_transcripts, gaps = [], 0, []
    for want in results:
        test, chunk, mode = want['test'], want['chunk'], want['mode']
        if mode == 'attention' or not os.path.isdir(f'{exp}/{test}/{chunk}'):
            continue
        decode = Decode(exp, units, test, chunk)
        ours = decode.texts(mode)
        theirs = {k: ' '.join(v) for k, v in read_lines(f'{wenet}/hyps_{test}_{mode}_{chunk}.txt').items()}
        if ours.keys() != theirs.keys():
            print(f'{name} {test} {chunk} {mode}: not the same utterances')
            good = False
            continue
        num_transcripts += len(ours)
        different = [k for k in ours if ours[k] != theirs[k]]
        for utt in different:
            gap = decode.gap(mode, utt, ours[utt], theirs[utt])
            gaps.append(gap)
            verdict = 'near-tie' if abs(gap) <= NEAR_TIE else 'NOT A NEAR-TIE'
            good = good and abs(gap) <= NEAR_TIE
            print(f'{name} {test} {chunk} {mode} {utt}: gap {gap:.5f}, {verdict}\n  ours   {ours[utt]}\n'
                  f'  theirs {theirs[utt]}')
        wer, cer = decode.percent(mode, 'wer'), decode.percent(mode, 'cer')
        if not different and max(abs(wer - want['wer']), abs(cer - want['cer'])) > 0.00051:
            print(f'{name} {test} {chunk} {mode}: equal transcripts, but WER {wer:.3f} (CER {cer:.3f}); WeNet has '
                  f'{want["wer"]:.3f} ({want["cer"]:.3f})')
            good = False
        label = 'full' if chunk < 0 else str(chunk)
        lines.append(f'| {name} | {test} | {label} | {mode} | {wer:.2f} ({cer:.2f}) | {want["wer"]:.2f} '
                     f'({want["cer"]:.2f}) | {len(different)} |\n')
    print(f'{name}: {len(gaps)} of {num_transcripts} transcripts differ, largest gap {max(gaps, default=0):.5f}')
    with writing(f'{tmp}/{table}') as f:
        f.write('| model | set | chunk | mode | ours WER % (CER %) | WeNet | transcripts that differ |\n'
                '|---|---|---|---|---|---|---|\n')
        f.writelines(lines)
    return good and num_transcripts > 0


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else ''
    if len(sys.argv) != dict(units=3, options=2, compare=6).get(command):
        usage_error('units, options or compare is needed, with its files')
    if command == 'units':
        with open(sys.argv[2], encoding='utf-8') as f:
            for i, unit in enumerate(json.load(f)['units']):
                print(unit, i)
    elif command == 'options':
        for option, value in find(json.load(sys.stdin), 'features').items():
            print(f'{option}={value}')
    elif command == 'compare':
        return 0 if compare(*sys.argv[2:6]) else 1
    return 0


if __name__ == '__main__':
    run(main)
