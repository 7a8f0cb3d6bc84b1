#!/usr/bin/env bash
# More than 2 GB of a WAV file through a pipe, with the sizes in its header that programs write where they cannot seek.
# LONG_WAV=1 also computes features of it, which takes a minute and 6 GB.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if ! command -v python3 >/dev/null || [ ! -x /usr/bin/time ]; then
  skip long-wav "no python3 to make audio with, or no GNU time"
  exit 0
fi
cat >long.py <<'EOF'
import struct, sys
kind, n = sys.argv[1], 2200000000
fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
if kind == "rf64":
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, n + 72, n, n // 2, 0)
    header = b"RF64\xff\xff\xff\xffWAVE" + ds64 + fmt + b"data\xff\xff\xff\xff"
else:
    size = struct.pack("<I", {"ffmpeg": 0xffffffff, "zero": 0, "sox": 0x7ffff000}[kind])
    header = b"RIFF" + size + b"WAVE" + fmt + b"data" + size
sys.stdout.buffer.write(header)
for begin in range(0, n, 1 << 20):
    sys.stdout.buffer.write(bytes(min(n - begin, 1 << 20)))
EOF
megabytes() { awk '{ print ($1 < '"$1"' * 1024) ? "little" : $1 " KB" }' memory; }
for kind in ffmpeg zero sox rf64; do
  echo "u python3 long.py $kind |" >$kind.scp
  check_equal "$kind: duration" "$(/usr/bin/time -o memory -f %M wav-to-duration scp:$kind.scp ark,t:- 2>/dev/null)" "u 68750 "
  check_equal "$kind: memory" "$(megabytes 300)" little # sanitizers need more than the tool
done
if [ -z "${LONG_WAV-}" ]; then
  skip "features of 2.2 GB" "takes a minute and 6 GB; LONG_WAV=1 runs it"
  exit 0
fi
for kind in ffmpeg rf64; do
  check "$kind: features" /usr/bin/time -o memory -f %M compute-fbank-feats --dither=0 --frame-shift=100 scp:$kind.scp ark:$kind.ark
  check_equal "$kind: frames" "$(feat-to-len ark:$kind.ark ark,t:- 2>/dev/null)" "u 687500 "
  check_equal "$kind: memory" "$(megabytes 5000)" little # 4.4 GB are the samples as floats
  rm -f $kind.ark
done
