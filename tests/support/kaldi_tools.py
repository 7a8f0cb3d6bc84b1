"""Small independent versions of what Kaldi's tools do to matrices and texts, for tests/cli/kaldi-feats.sh and
kaldi-scoring.sh.

    kaldi_tools.py random SEED DIM LENGTHS...    a text archive of utterances u1, u2, ...
    kaldi_tools.py matrix EXPRESSION < IN        each matrix m (a list of rows) of a text archive becomes EXPRESSION
    kaldi_tools.py near A B                      fails unless two text archives hold the same numbers up to 1e-5
    kaldi_tools.py htk FILE                      an HTK file's header, then its rows
    kaldi_tools.py align A B                     the lines of align-text, by trying all alignments in its order
    kaldi_tools.py details A B UTT2SPK           writes per_utt, ops and per_spk, the files of Kaldi's wer_details
    kaldi_tools.py spread REF HYP                mean, and deviation for large numbers of draws, of the error rate
"""
import functools
import math
import random
import struct
import sys


def read(stream):
    matrices, key, rows = {}, None, []
    for line in stream:
        if '[' in line:
            key, line = line.split('[', 1)
            rows = []
        words = line.replace(']', '').split()
        if words:
            rows.append([float(w) for w in words])
        if ']' in line:
            matrices[key.strip()] = rows
    return matrices


def write(matrices):
    for key, rows in matrices.items():
        print(key, ' [')
        print('\n'.join('  ' + ' '.join(repr(x) for x in row) for row in rows), ']')


def softmax(row):
    exps = [math.exp(x - max(row)) for x in row]
    return [e / sum(exps) for e in exps]


def table(name):
    with open(name, encoding='utf-8') as f:
        return {words[0]: words[1:] for words in map(str.split, f)}


def align(a, b):
    """Pairs with the fewest errors; looking from the end, a pair of words before a deletion before an insertion."""
    sys.setrecursionlimit(10000)

    @functools.lru_cache(None)
    def cost(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(cost(i - 1, j - 1) + (a[i - 1] != b[j - 1]), cost(i - 1, j) + 1, cost(i, j - 1) + 1)

    pairs, i, j = [], len(a), len(b)
    while i or j:
        if i and j and cost(i, j) == cost(i - 1, j - 1) + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((a[i], b[j]))
        elif i and cost(i, j) == cost(i - 1, j) + 1:
            i -= 1
            pairs.append((a[i], '<eps>'))
        else:
            j -= 1
            pairs.append(('<eps>', b[j]))
    return pairs[::-1]


def details(refs, hyps, speakers):
    per_utt, ops, sums = [], {}, {}
    for key in refs:
        pairs = align(refs[key], hyps[key])
        kinds = ['I' if a == '<eps>' else 'D' if b == '<eps>' else 'C' if a == b else 'S' for a, b in pairs]
        rows = {'ref ': [], 'hyp ': [], 'op  ': []}
        for (a, b), kind in zip(pairs, kinds):
            width = max(len(a), len(b))
            for row, cell in zip(rows.values(), (a, b, kind)):
                row.append(' ' * ((width - len(cell) + 1) // 2) + cell + ' ' * ((width - len(cell)) // 2))
            ops[a, b] = ops.get((a, b), 0) + 1
        per_utt += [f'{key} {name} ' + '  '.join(row) for name, row in rows.items()]
        counts = [kinds.count(kind) for kind in 'CSID']
        per_utt.append(' '.join([key, '#csid', *map(str, counts)]))
        for name in speakers[key][0], None:
            old = sums.get(name, [0] * 6)
            sums[name] = [x + y for x, y in zip(old, counts + [1, sum(counts[1:]) > 0])]
    word = min(16, max(len(w) for pair in ops for w in pair))
    digits = max(len(str(n)) for n in ops.values())
    lines = []
    for (a, b), n in sorted(ops.items()):
        name = 'insertion' if a == '<eps>' else 'deletion' if b == '<eps>' else 'correct' if a == b else 'substitution'
        lines.append(f'{name:14}{a:>{word}}    {b:>{word}}    {n:{digits}}')
    width = max(15, *(len(s[0]) for s in speakers.values()))
    table = [' '.join([f'{"SPEAKER":{width}} id '] + ['%10s' % x for x in '#SENT #WORD Corr Sub Ins Del Err S.Err'.split()])]
    for name in sorted(n for n in sums if n is not None) + [None]:
        c, s, i, d, sentences, wrong = sums[name]
        n = c + s + d
        own = [c, s, i, d, s + i + d]
        name = name or 'SUM'
        table.append(f'{name:{width}} raw ' + ' '.join('%10d' % x for x in [sentences, n] + own + [wrong]))
        if n:
            table.append(f'{name:{width}} sys ' + ' '.join(
                ['%10d' % sentences, '%10d' % n] + ['%10.2f' % (100 * x / n) for x in own] + ['%10.2f' % (100 * wrong / sentences)]))
    for name, content in (('per_utt', per_utt), ('ops', lines), ('per_spk', table)):
        with open(name, 'w', encoding='utf-8') as f:
            f.write(''.join(line + '\n' for line in content))


def main(what, *args):
    if what == 'random':
        rng = random.Random(int(args[0]))
        write({f'u{i + 1}': [[round(rng.uniform(-5, 5), 3) for _ in range(int(args[1]))] for _ in range(int(length))]
               for i, length in enumerate(args[2:])})
    elif what == 'matrix':
        write({key: eval(args[0], {'m': m, 'softmax': softmax, **vars(math)}) for key, m in read(sys.stdin).items()})
    elif what == 'near':
        with open(args[0]) as a, open(args[1]) as b:
            a, b = read(a), read(b)
        assert list(a) == list(b), (list(a), list(b))
        for key in a:
            assert [len(row) for row in a[key]] == [len(row) for row in b[key]], (key, 'shape')
            for x, y in zip(sum(a[key], []), sum(b[key], [])):
                assert abs(x - y) <= 1e-5 * max(1, abs(x)), (key, x, y)
        assert a
    elif what == 'htk':
        with open(args[0], 'rb') as f:
            data = f.read()
        frames, period, size, kind = struct.unpack('>iihH', data[:12])
        print(frames, period, size, kind)
        numbers = struct.unpack(f'>{frames * size // 4}f', data[12:])
        for t in range(frames):
            print(*('%g' % x for x in numbers[t * size // 4:(t + 1) * size // 4]))
    elif what == 'align':
        first, second = table(args[0]), table(args[1])
        for key in first:
            print(' '.join([key] + ' ; '.join(' '.join(pair) for pair in align(first[key], second[key])).split()))
    elif what == 'details':
        details(*map(table, args))
    elif what == 'spread':
        # The rate of a draw is sum e / sum w; its variance is, for many utterances, that of e - rate * w.
        ref, hyp = table(args[0]), table(args[1])
        errors = [sum(x != y for x, y in align(ref[key], hyp[key])) for key in ref]
        words = [len(ref[key]) for key in ref]
        rate = sum(errors) / sum(words)
        variance = sum((e - rate * w)**2 for e, w in zip(errors, words)) / sum(words)**2
        print(100 * rate, 196 * math.sqrt(variance))


main(*sys.argv[1:])
