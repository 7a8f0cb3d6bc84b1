"""Exchanges tables with kaldiio and kaldi_native_io in both directions.

Usage: interop.py CASE DIR SEED. The tools are found on PATH. `interop.py probe DIR 0` only imports what
the cases need. Each case ends with status 0, or with a traceback.
"""

import os
import subprocess
import sys

import kaldi_native_io as kn
import kaldiio
import numpy as np


def run(*command):
    subprocess.run([*command[:1], "--print-args=false", *command[1:]], check=True, stderr=subprocess.DEVNULL)


def random_matrices(rng, dtype, empty=True):
    table = {"empty": np.zeros((0, 0), dtype)} if empty else {}
    for i in range(30):
        shape = rng.integers(1, 40, 2) if i else (600, 500)
        scale = 10.0 ** rng.integers(-30, 30)
        table[f"utt-{i}-ü"] = (rng.standard_normal(shape) * scale).astype(dtype)
    first = table["utt-1-ü"]
    first[0, 0], first[-1, -1] = np.inf, -np.inf
    table["utt-2-ü"][0, 0] = np.nan
    return table


def random_vectors(rng, dtype):
    table = {"empty": np.zeros(0, dtype)}
    for i in range(30):
        if np.issubdtype(dtype, np.integer):
            info = np.iinfo(dtype)
            table[f"utt-{i}"] = rng.integers(info.min, info.max, rng.integers(1, 50), dtype, endpoint=True)
        else:
            table[f"utt-{i}"] = rng.standard_normal(rng.integers(1, 50)).astype(dtype)
    return table


def expect_same(want, got, rtol=0):
    got = dict(got)
    assert list(want) == list(got), (list(want)[:3], list(got)[:3])
    for key, value in want.items():
        other = np.asarray(got[key])
        if value.size == 0:
            assert other.size == 0, key
            continue
        assert value.shape == other.shape, (key, value.shape, other.shape)
        np.testing.assert_allclose(other.astype(np.float64), value.astype(np.float64), rtol=rtol, atol=0, err_msg=key)


def expect_bytes(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        assert f.read() == g.read(), f"{a} and {b} differ"


# kaldi_native_io's classes by the type of a table.
NATIVE = {
    "matrix": (np.float32, kn.FloatMatrixWriter, kn.SequentialFloatMatrixReader, kn.RandomAccessFloatMatrixReader),
    "vector": (np.float32, kn.FloatVectorWriter, kn.SequentialFloatVectorReader, kn.RandomAccessFloatVectorReader),
    "ints": (np.int32, kn.Int32VectorWriter, kn.SequentialInt32VectorReader, kn.RandomAccessInt32VectorReader),
}
TOOL = {"matrix": "copy-feats", "vector": "copy-vector", "ints": "copy-int-vector"}


def make(kind, rng, dtype):
    return random_matrices(rng, dtype) if kind == "matrix" else random_vectors(rng, dtype)


def native_write(writer, wspecifier, table):
    with writer(wspecifier) as w:
        for key, value in table.items():
            w.write(key, value.tolist() if value.dtype == np.int32 else value)


def native_read(reader, rspecifier):
    with reader(rspecifier) as r:
        return {key: np.array(value) for key, value in r}


def case_native(kind, path, rng):
    """The same bytes as kaldi_native_io in binary; the same values in text and through scripts."""
    dtype, writer, sequential, random_access = NATIVE[kind]
    table = make(kind, rng, dtype)
    native_write(writer, f"ark,scp:{path}/n.ark,{path}/n.scp", table)
    run(TOOL[kind], f"scp:{path}/n.scp", f"ark,scp:{path}/u.ark,{path}/u.scp")
    expect_bytes(f"{path}/n.ark", f"{path}/u.ark")
    with open(f"{path}/n.scp") as n, open(f"{path}/u.scp") as u:
        assert n.read().replace("/n.ark:", "/u.ark:") == u.read()
    expect_same(table, native_read(sequential, f"scp:{path}/u.scp"))
    with random_access(f"scp:{path}/u.scp") as r:
        for key in reversed(list(table)):
            expect_same({key: table[key]}, {key: np.array(r[key])})
    # Text: ours has all digits, theirs seven. Kaldi's readers cannot parse the "-inf" of its writers.
    for value in table.values():
        if kind == "matrix":
            value[np.isneginf(value)] = 0
    native_write(writer, f"ark:{path}/n.ark", table)
    run(TOOL[kind], f"ark:{path}/n.ark", f"ark,t:{path}/u.txt")
    expect_same(table, native_read(sequential, f"ark:{path}/u.txt"))
    native_write(writer, f"ark,t:{path}/n.txt", table)
    run(TOOL[kind], f"ark:{path}/n.txt", f"ark:{path}/t.ark")
    expect_same(table, native_read(sequential, f"ark:{path}/t.ark"), rtol=0 if kind == "ints" else 1e-6)


def case_native_doubles(path, rng):
    """Double matrices and vectors come out as the nearest floats."""
    table = random_matrices(rng, np.float64)
    native_write(kn.DoubleMatrixWriter, f"ark:{path}/n.ark", table)
    run("copy-feats", f"ark:{path}/n.ark", f"ark:{path}/u.ark")
    floats = {key: value.astype(np.float32) for key, value in table.items()}
    expect_same(floats, native_read(kn.SequentialFloatMatrixReader, f"ark:{path}/u.ark"))
    table = random_vectors(rng, np.float64)
    native_write(kn.DoubleVectorWriter, f"ark:{path}/n.ark", table)
    run("copy-vector", f"ark:{path}/n.ark", f"ark:{path}/u.ark")
    floats = {key: value.astype(np.float32) for key, value in table.items()}
    expect_same(floats, native_read(kn.SequentialFloatVectorReader, f"ark:{path}/u.ark"))


def case_native_compressed(path, rng):
    """Compressed matrices of every method have the values kaldi_native_io gives them, to the bit."""
    methods = [name for name in dir(kn.CompressionMethod) if name.startswith("k")]
    assert len(methods) >= 6, methods
    types = set()
    for method in methods:
        table = {}
        for i in range(12):
            value = rng.standard_normal((rng.integers(1, 30), rng.integers(1, 50))).astype(np.float32)
            if "Zero" in method:
                value = np.abs(value) / 8
            elif "Bounded" in method or "Integers" in method:
                value = np.clip(value, -1, 1)
            table[f"u{i}"] = np.ascontiguousarray(value)
        with kn.CompressedMatrixWriter(f"ark:{path}/n.ark") as w:
            for key, value in table.items():
                w.write(key, value, getattr(kn.CompressionMethod, method))
        with open(f"{path}/n.ark", "rb") as f:
            types.add(f.read(8)[5:8])
        run("copy-feats", f"ark:{path}/n.ark", f"ark:{path}/u.ark")
        expect_same(
            native_read(kn.SequentialFloatMatrixReader, f"ark:{path}/n.ark"),
            native_read(kn.SequentialFloatMatrixReader, f"ark:{path}/u.ark"),
        )
    assert types == {b"CM ", b"CM2", b"CM3"}, types


def case_native_compress(path, rng):
    """Every method gives the bytes of kaldi_native_io (Kaldi's code), awkward matrices included."""
    for number in range(1, 8):
        table = {}
        for i in range(80):
            value = rng.standard_normal((rng.integers(1, 30), rng.integers(1, 20))).astype(np.float32)
            kind = i % 9
            if kind == 1:
                value[:, 0] = 3  # a constant column
            elif kind == 2:
                value[:] = rng.choice([0, 5, -1e30, 1e-40])  # a constant matrix
            elif kind == 3:
                value = value * 100000
            elif kind == 4:
                value = value * 1e-6 + 1000  # an interval of few floats
            elif kind == 5:
                value = np.round(value * 100)
            elif kind == 6:
                value[:, -1], value[0] = 0, 1e20
            elif kind == 7:
                value = value[:1]
            elif number in (4, 6, 7):
                value[0, 0], value[-1, -1] = np.inf, -np.inf
            table[f"u{i}"] = np.ascontiguousarray(value, np.float32)
        with kn.CompressedMatrixWriter(f"ark,scp:{path}/n.ark,{path}/n.scp") as w:
            for key, value in table.items():
                w.write(key, value, kn.CompressionMethod(number))
        native_write(kn.FloatMatrixWriter, f"ark:{path}/f.ark", table)
        options = ["--compress", f"--compression-method={number}"]
        run("copy-feats", *options, f"ark:{path}/f.ark", f"ark,scp:{path}/u.ark,{path}/u.scp")
        expect_bytes(f"{path}/n.ark", f"{path}/u.ark")
        run("copy-feats", *options, f"ark:{path}/f.ark", f"ark:| cat > {path}/p.ark")
        expect_bytes(f"{path}/n.ark", f"{path}/p.ark")
        want = native_read(kn.SequentialFloatMatrixReader, f"ark:{path}/n.ark")
        expect_same(want, native_read(kn.SequentialFloatMatrixReader, f"scp:{path}/u.scp"))
        # kaldiio unpacks in an arithmetic of its own, with float rounding at the size of the interval.
        top = {4: 65536, 6: 255, 7: 1}.get(number, 0)
        got = dict(kaldiio.load_ark(f"{path}/u.ark"))
        for key, value in want.items():
            np.testing.assert_allclose(got[key], value, rtol=1e-5, atol=2e-6 * max(top, np.abs(value).max()), err_msg=key)
    run("copy-feats", "--compress", "ark:printf 'e [ ]\\nf [ 1 ]\\n' |", f"ark:{path}/e.ark")
    assert {key: value.size for key, value in kaldiio.load_ark(f"{path}/e.ark")} == {"e": 0, "f": 1}


def case_kaldiio_compress(path, rng):
    """kaldiio's bytes for values on which its double arithmetic and Kaldi's floats agree: whole numbers."""
    for number in (3, 4, 5, 6):
        table = {}
        for i in range(20):
            top = 65535 if number < 5 else 255
            value = rng.integers(0, top, (rng.integers(2, 30), rng.integers(2, 20))).astype(np.float32)
            value[0, 0], value[-1, -1] = 0, top
            table[f"u{i}"] = value - 32768 if number == 4 else value
        kaldiio.save_ark(f"{path}/k.ark", table, compression_method=number)
        kaldiio.save_ark(f"{path}/f.ark", table)
        run("copy-feats", "--compress", f"--compression-method={number}", f"ark:{path}/f.ark", f"ark:{path}/u.ark")
        expect_bytes(f"{path}/k.ark", f"{path}/u.ark")


def random_table(rng, make):
    return {f"u{i}": make(int(rng.integers(0, 7))) for i in range(40)}


def case_native_types(path, rng):
    """Tables of every basic type: the bytes of kaldi_native_io come out as they went in, and it reads our text."""
    ints = lambda n: rng.integers(-(2**31), 2**31, n).tolist()
    floats = lambda n: rng.standard_normal(n).astype(np.float32).tolist()
    words = ["a", "ü", "你好", "<unk>", "▁x", "0"]
    tables = {
        "Bool": random_table(rng, lambda n: n % 2 == 0),
        "Int32": random_table(rng, lambda n: ints(1)[0]),
        "Float": random_table(rng, lambda n: floats(1)[0]),
        "Double": random_table(rng, lambda n: float(rng.standard_normal() * 10.0 ** rng.integers(-99, 99))),
        "Token": random_table(rng, lambda n: words[n % len(words)]),
        "TokenVector": random_table(rng, lambda n: [words[j] for j in rng.integers(0, len(words), n)]),
        "Int32Vector": random_table(rng, ints),
        "Int32VectorVector": random_table(rng, lambda n: [ints(int(rng.integers(0, 4))) for _ in range(n)]),
        "Int32PairVector": random_table(rng, lambda n: list(zip(ints(n), ints(n)))),
        "FloatPairVector": random_table(rng, lambda n: list(zip(floats(n), floats(n)))),
        "DoubleVector": random_table(rng, lambda n: rng.standard_normal(n)),
        "DoubleMatrix": random_table(rng, lambda n: rng.standard_normal((n + 1, 3))),
    }
    for name, table in tables.items():
        with getattr(kn, name + "Writer")(f"ark:{path}/{name}.in") as w:
            for key, value in table.items():
                w.write(key, value)
    test = os.environ["BUILD"] + "/tests/table/basic-tables-test"
    subprocess.run(
        [test, "--gtest_filter=*ExchangeWithOthers"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "KALDI_EXCHANGE": path},
    )
    for name, table in tables.items():
        if name != "TokenVector":  # Kaldi ends these lines with a space, as we do; kaldi_native_io does not
            expect_bytes(f"{path}/{name}.in", f"{path}/{name}.out")
        with getattr(kn, "Sequential" + name + "Reader")(f"ark:{path}/{name}.txt") as r:
            # Arrays are views of what the reader holds.
            got = {key: np.array(value) if name in ("DoubleVector", "DoubleMatrix") else value for key, value in r}
        assert list(got) == list(table), name
        for key, value in table.items():
            if name in ("DoubleVector", "DoubleMatrix"):
                np.testing.assert_array_equal(got[key], value)
            else:
                assert got[key] == value, (name, key, got[key], value)


def case_ranges(path, rng):
    """Ranges in script lines are taken as kaldi_native_io takes them."""
    matrix = rng.standard_normal((20, 6)).astype(np.float32)
    native_write(kn.FloatMatrixWriter, f"ark,scp:{path}/n.ark,{path}/n.scp", {"u": matrix})
    with open(f"{path}/n.scp") as f:
        line = f.read().strip()
    ranges = ["[0:19]", "[3:7]", "[5:5]", "[2:9,1:4]", "[:,2:3]", "[18:21]", "[18:21,0:0]"]
    with open(f"{path}/r.scp", "w") as f:
        f.writelines(f"{line.replace('u ', f'u{i} ', 1)}{r}\n" for i, r in enumerate(ranges))
    run("copy-feats", f"scp:{path}/r.scp", f"ark:{path}/u.ark")
    native_write(
        kn.FloatMatrixWriter, f"ark:{path}/w.ark", native_read(kn.SequentialFloatMatrixReader, f"scp:{path}/r.scp")
    )
    expect_bytes(f"{path}/u.ark", f"{path}/w.ark")


def case_native_tokens(path, rng):
    words = ["a", "ü", "你好", "<unk>", "▁x", "0"]
    table = {f"u{i}": [words[j] for j in rng.integers(0, len(words), rng.integers(1, 9))] for i in range(30)}
    with kn.TokenVectorWriter(f"ark:{path}/n.txt") as w:
        for key, value in table.items():
            w.write(key, value)
    with open(f"{path}/n.txt") as f:
        for line in f:
            key, *value = line.split()
            assert table[key] == value
    run("feat-to-len", f"ark:printf 'a [ 1 ]\\nb [ 1\\n2 ]\\n' |", f"ark:{path}/len.ark")
    with kn.SequentialInt32Reader(f"ark:{path}/len.ark") as r:
        assert dict(r) == {"a": 1, "b": 2}


def case_kaldiio(kind, path, rng):
    """kaldiio reads ours, and we read its binary and text; binary archives have the same bytes."""
    dtype = NATIVE[kind][0]
    table = make(kind, rng, dtype)
    kaldiio.save_ark(f"{path}/k.ark", table, scp=f"{path}/k.scp")
    run(TOOL[kind], f"scp:{path}/k.scp", f"ark,scp:{path}/u.ark,{path}/u.scp")
    expect_bytes(f"{path}/k.ark", f"{path}/u.ark")
    expect_same(table, kaldiio.load_ark(f"{path}/u.ark"))
    lazy = kaldiio.load_scp(f"{path}/u.scp")
    expect_same(table, {key: lazy[key] for key in table})
    if kind != "ints":  # kaldiio reads no int vectors in text
        run(TOOL[kind], f"ark:{path}/u.ark", f"ark,t:{path}/u.txt")
        finite = {key: value for key, value in table.items() if value.size}
        got = {key: value for key, value in kaldiio.load_ark(f"{path}/u.txt") if value.size}
        expect_same(finite, got, rtol=1e-6)
    kaldiio.save_ark(f"{path}/k.txt", table, text=True)
    run(TOOL[kind], f"ark:{path}/k.txt", f"ark:{path}/t.ark")
    expect_same(table, kaldiio.load_ark(f"{path}/t.ark"), rtol=1e-6)


def case_kaldiio_doubles(path, rng):
    table = random_matrices(rng, np.float64)
    kaldiio.save_ark(f"{path}/k.ark", table)
    run("copy-feats", f"ark:{path}/k.ark", f"ark:{path}/u.ark")
    expect_same({k: v.astype(np.float32) for k, v in table.items()}, kaldiio.load_ark(f"{path}/u.ark"))


def case_kaldiio_compressed(path, rng):
    """kaldiio unpacks in its own arithmetic: equal within float rounding of the column's range."""
    for method in (2, 3, 5):
        table = {f"u{i}": rng.standard_normal((rng.integers(8, 30), 20)).astype(np.float32) for i in range(9)}
        kaldiio.save_ark(f"{path}/k.ark", table, compression_method=method)
        run("copy-feats", f"ark:{path}/k.ark", f"ark:{path}/u.ark")
        want, got = dict(kaldiio.load_ark(f"{path}/k.ark")), dict(kaldiio.load_ark(f"{path}/u.ark"))
        assert list(want) == list(got)
        for key in want:
            np.testing.assert_allclose(got[key], want[key], rtol=0, atol=2e-6, err_msg=key)


def case_pipes(path, rng):
    """Through commands on either side."""
    table = random_matrices(rng, np.float32)
    native_write(kn.FloatMatrixWriter, f"ark:| copy-feats --print-args=false ark:- ark:{path}/u.ark 2>/dev/null", table)
    expect_same(table, native_read(kn.SequentialFloatMatrixReader, f"ark:copy-feats ark:{path}/u.ark ark:- 2>/dev/null |"))
    run("copy-feats", f"ark:cat {path}/u.ark | cat |", f"ark:| cat > {path}/joined.ark")
    expect_same(table, kaldiio.load_ark(f"{path}/joined.ark"))


def main():
    case, path, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng = np.random.default_rng(seed)
    path = os.path.join(path, f"{case}-{seed}")
    os.makedirs(path)
    cases = {name[5:]: function for name, function in globals().items() if name.startswith("case_")}
    if case == "probe":
        return
    if case in cases:
        cases[case](path, rng)
    else:
        name, kind = case.rsplit("_", 1)
        cases[name](kind, path, rng)


main()
