#!/usr/bin/env bash
# Man pages and completions say what --help says.
. "$(dirname "$0")/../support/cli.sh"
bin=$(dirname "$(command -v copy-feats)")
check "pages and completions are made" "$root/tools/dev/make-man.sh" "$bin" "$tmp/share"
check_fails "usage" 2 'Usage' "$root/tools/dev/make-man.sh"
man=$tmp/share/man/man1

# Every option, with its type, default and text, of every tool.
complete=yes
for tool in "$bin"/*; do
  name=$(basename "$tool")
  "$tool" --help | sed -nE 's/^  --([^ ]+) \(.*/\1/p' > "$tmp/options"
  [[ -s $tmp/options ]] || complete="$name has no option"
  while read -r option; do
    grep -qF "\\fB\\-\\-${option//-/\\-}\\fR=" "$man/$name.1" || complete="no --$option in the page of $name"
    grep -qE -- "--${option}[= \"]" "$tmp/share/bash-completion/completions/$name" ||
      complete="no --$option in the completion of $name"
  done < "$tmp/options"
done
check_equal "every option of every tool" "$complete" yes
check "a default" grep -qF '\fB\-\-beam\fR=\fIint\fR (default 10)' "$man/ctc-decode.1"
check "the name line" grep -qF 'wav\-to\-duration \- Durations of audio files in seconds' "$man/wav-to-duration.1"
check "an example" grep -qF 'feat\-to\-len scp:feats.scp ark,t:utt2num_frames' "$man/feat-to-len.1"
if command -v groff > /dev/null; then
  check_equal "groff has nothing to say" "$(groff -man -Kutf8 -Tutf8 -ww -z "$man"/*.1 2>&1)" ""
else
  skip "groff has nothing to say" "no groff"
fi

completed() { # <line>: what bash would offer
  (
    cd "$tmp" && . "share/bash-completion/completions/ctc-decode"
    compopt() { :; } # only for a completion that bash itself started
    COMP_LINE=$1 COMP_POINT=${#1}
    _u2moe_ctc_decode
    printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' '
  )
}
touch "$tmp/logp one.ark" "$tmp/logp.scp"
check_equal "an option" "$(completed "ctc-decode --nb")" "--nbest="
check_equal "a flag" "$(completed "ctc-decode --print-args=f")" "false"
check_equal "a file behind =" "$(completed "ctc-decode --config=logp.s")" "logp.scp"
check_equal "a file behind ark:" "$(completed "ctc-decode --beam=4 ark:logp")" "logp one.ark logp.scp"
