#!/usr/bin/env bash
# nnet-train on features that are more than --memory-limit: in memory and from files the same bytes, and memory that
# does not grow with the set. The set is a file with holes: zeros that take no disk. STREAM_GB=50 takes one of so many
# GB through 2 GB of memory, which takes some ten minutes.
. "$(dirname "$0")/../support/cli.sh"
export OPENBLAS_NUM_THREADS=1
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null; then
  skip stream-train "no python3 to make features with"
  exit 0
fi
# Few and wide frames: bytes are read, and little is computed.
frames=400 dim=2000
cat >model.conf <<END
feature-dim=$dim
model-dim=4
num-blocks=1
num-heads=1
conv-kernel=3
hidden-dim=4
decoder-blocks=1
reverse-decoder-blocks=1
subsampling=8
END
printf '%s\n' '<blank> 0' 'a 1' 'b 2' '<sos/eos> 3' >units.txt
cat >sparse.py <<'END'
"""Writes NAME.ark of COUNT utterances of FRAMES x DIM zeros, as holes, with NAME.scp and NAME.tokens."""
import os, struct, sys
name, count, frames, dim = sys.argv[1], *map(int, sys.argv[2:])
with open(name + '.ark', 'wb') as ark, open(name + '.scp', 'w') as scp, open(name + '.tokens', 'w') as tokens:
    for i in range(count):
        key = f'u{i:06d}'
        ark.write(key.encode() + b' ')
        scp.write(f'{key} {name}.ark:{ark.tell()}\n')
        tokens.write(f'{key} {1 + i % 2}\n')
        rows = frames - i % 16  # different lengths
        ark.write(b'\0BFM ' + struct.pack('<bibi', 4, rows, 4, dim))
        ark.seek(rows * dim * 4, os.SEEK_CUR)
    ark.truncate()
END
set_of() { python3 sparse.py "$1" $(($2 * 1000000 / ((frames - 8) * dim * 4))) "$frames" "$dim"; } # NAME MB
check "a model" nnet-init --print-args=false --units=units.txt model.conf init
train() { # OUT options...
  local out=$1
  shift
  nnet-train --print-args=false --epochs=1 --batch-size=4 --spec-augment=false --learning-rate=0.001 "$@" init \
    "scp:$set.scp" "ark:$set.tokens" "$out"
}

set=small
set_of small 120
check "in memory" train memory
check_equal "it is in memory" "$(grep -c 'read while they are used' .check.err)" 0
check "from files" train files --memory-limit=20
check_equal "says so" "$(grep -c 'features of the training set take 1[0-9][0-9] MB, more than --memory-limit=20: they are read while' .check.err)" 1
check "the same bytes" cmp memory files
check "from files, with threads and a dev set" train threads --memory-limit=20 --threads=2 --exp-dir=exp --average=1 \
  --dev-feats="ark:small.ark" --dev-tokens="ark:small.tokens"
check "in memory, with a dev set" train one --exp-dir=exp-memory --average=1 \
  --dev-feats="scp:small.scp" --dev-tokens="ark:small.tokens"
check "the same bytes with threads and a dev set" cmp one threads
losses() { sed -E 's/"(wall|cpu|dev)_seconds":[^,}]*//g; s/"frames_per_[a-z_]*":[^,}]*//g' "$1/log.jsonl"; }
check_equal "the same log" "$(losses exp)" "$(losses exp-memory)"
check_fails "a resumed training of a set that has changed" 2 'train is .* utterances in archives, fingerprint' \
  bash -c "sed -i 's/^u000000 .*/u000000 2/' small.tokens; $(declare -f train); set=small; train again --memory-limit=20 \
    --exp-dir=exp --average=1 --epochs=2 --dev-feats=ark:small.ark --dev-tokens=ark:small.tokens"
set_of larger 480
check_peak "a set four times as large takes no more memory" 330 nnet-train --print-args=false --epochs=1 --batch-size=4 \
  --spec-augment=false --memory-limit=20 init scp:larger.scp ark:larger.tokens larger.model

if [ -z "${STREAM_GB-}" ]; then
  skip "a set of many GB" "takes some ten minutes; STREAM_GB=50 runs it"
  exit 0
fi
set_of huge $((STREAM_GB * 1000))
start=$SECONDS
check_peak "$STREAM_GB GB in 2 GB of memory" 2000 nnet-train --print-args=false --epochs=1 --batch-size=4 --threads=2 \
  --spec-augment=false init scp:huge.scp ark:huge.tokens huge.model
echo "$STREAM_GB GB: $(stat -c %s huge.ark) bytes, $(du -k huge.ark | cut -f1) KB on disk, $(wc -l <huge.scp) utterances," \
  "$((SECONDS - start)) s"
