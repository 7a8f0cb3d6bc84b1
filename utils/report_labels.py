"""Error rates of parts of a test set: by language, by speaker, by whatever utt2<label> its data directory has."""
import glob
import os

import intervals
from u2moe_script import text_lines

NO_LABELS = ('dur', 'num_frames', 'uniq', 'warp')  # tables of other kinds


def read_labels(folder):
    """{label: {utterance: value}} of the tables with a word for each utterance, where values are shared."""
    out = {}
    for path in sorted(glob.glob(f'{glob.escape(folder)}/utt2*')):
        name = os.path.basename(path)[len('utt2'):]
        rows = [line.split() for line in text_lines(path) if line.strip()]
        values = {r[1] for r in rows if len(r) == 2}
        if name not in NO_LABELS and all(len(r) == 2 for r in rows) and 2 <= len(values) <= len(rows) / 2:
            out[name] = dict(rows)
    return out


def by_label(folder, results, letters, scored):
    """results, letters: {model: result as intervals.py has it} of one mode, in words and in letters; scored: the utterances
    -> {label: {value: {utterances, words, wer: {model: mean over seeds}, cer: ...}}}, most words first."""
    out = {}
    for name, label in read_labels(folder).items():
        groups = {}
        for utterance, value in label.items():
            if utterance in scored:
                groups.setdefault(value, []).append(utterance)
        rows = {}
        for value, utterances in groups.items():
            row = dict(utterances=0, words=0, wer={}, cer={})
            for unit, of_models in (('cer', letters), ('wer', results)):
                for model, result in of_models.items():
                    parts = [{u: counts[u] for u in utterances if u in counts} for counts in result]
                    row['utterances'], row['words'] = len(parts[0]), sum(w for _, w in parts[0].values())
                    row[unit][model] = intervals.mean([intervals.wer(p) for p in parts])
            if row['words']:
                rows[value] = row
        out[name] = dict(sorted(rows.items(), key=lambda x: (-x[1]['words'], x[0])))
    return out


def together(rows):
    """Several values as one, weighted by their words."""
    words = sum(r['words'] for r in rows)
    return dict(utterances=sum(r['utterances'] for r in rows), words=words,
                **{unit: {m: sum(r[unit][m] * r['words'] for r in rows) / words for m in rows[0][unit]}
                   for unit in ('wer', 'cer')})
