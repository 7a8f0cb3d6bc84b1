#!/usr/bin/env bash
# What ctc-align and transcribe write, read by other programs: Praat, Python packages for TextGrid and subtitles, ffmpeg.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 >/dev/null; then
  skip subtitle-peers "no python3"
  exit
fi
PYTHONDONTWRITEBYTECODE=1 python3 "$root/tests/cli/subtitle_peers.py" "$tmp" >"$tmp/result" 2>"$tmp/log" || cat "$tmp/log"
check_equal "all was compared" "$(sed -E 's/^(ok|bad) ([^,:]*).*/\2/; s/^skip ([^ ]*).*/\1/' "$tmp/result" | sort -u | wc -l)" \
  "$(if command -v ffmpeg >/dev/null; then echo 9; else echo 7; fi)"
while read -r verdict what; do
  if [ "$verdict" = skip ]; then
    skip "${what%% *}" "${what#* }"
  else
    check_equal "$what" "$verdict" ok
  fi
done <"$tmp/result"
