#!/usr/bin/env bash
# Filter-bank features of a data directory, into its feats.scp.
#
# Usage: make_fbank.sh [options] <data-dir> [<log-dir> [<fbank-dir>]]
#   e.g. make_fbank.sh --nj 8 data/train exp/make_fbank/train fbank
#   --nj 4                 jobs
#   --cmd run-jobs         what runs them, with its options: "run-jobs --max-jobs=2"
#   --fbank-config conf/fbank.conf   options of compute-fbank-feats
#   --fbank-opts ""        more of them, as on a command line; JOB becomes the number of the job
#   --compress false       write Kaldi's compressed matrices
#   --max-failures 0       how many utterances of a job may fail: a count, or a share like 5%
#   --write-utt2num-frames true, --write-utt2dur true   make these tables too; a utt2dur that is there stays
#
# Paths in wav.scp may be relative to the working directory, to <data-dir>, or to the folders above it.
# The folders are <data-dir>/log and <data-dir>/data if not given. With <data-dir>/segments the utterances are cut out
# of the recordings. Writes <fbank-dir>/raw_fbank_<name>.N.{ark,scp}, where <name> is the last part of <data-dir>.
set -euo pipefail
if [[ -e path.sh ]]; then . ./path.sh; fi
utils=$(cd "$(dirname "$0")/.." && pwd)
. "$utils/recipe.sh"
export PATH=$utils:$PATH
nj=4
cmd=run-jobs
fbank_config=conf/fbank.conf
fbank_opts=
max_failures=0
compress=false
write_utt2num_frames=true
write_utt2dur=true
parse_options "$@"
[[ ${#args[@]} -ge 1 && ${#args[@]} -le 3 ]] || usage_error "a data directory is needed, and perhaps two folders"
[[ $nj =~ ^[1-9][0-9]*$ ]] || usage_error "--nj is a number above 0, not '$nj'"
data=${args[0]%/} log=${args[1]:-${args[0]%/}/log} out=${args[2]:-${args[0]%/}/data}
need_file "$fbank_config" "--fbank-config names the options of compute-fbank-feats"
need_commands compute-fbank-feats copy-feats extract-segments
name=$(basename "$(realpath "$data")")
validate_opts=(--no-feats --no-spk-sort --no-file-check)
if [[ ! -e $data/text ]]; then validate_opts+=(--no-text); fi
rm -f "$data"/{feats.scp,utt2num_frames} # of another time; what is checked is what the features are made of
validate_data_dir.sh "${validate_opts[@]}" "$data"

mkdir -p "$log" "$out"
out=$(cd "$out" && pwd)
wav_paths.sh "$data/wav.scp" "$log/wav_$name.scp"
table=$log/wav_$name.scp
if [[ -e $data/segments ]]; then table=$data/segments; fi
lines=$(wc -l < "$table")
if ((nj > lines)); then nj=$lines; fi
parts=()
for ((i = 1; i <= nj; i++)); do parts+=("$log/part_$name.$i"); done
split_scp.pl "$table" "${parts[@]}"

waves=$(wave_rspecifier "$data" "$log/part_$name.JOB" "$log/wav_$name.scp")
durations=
if $write_utt2dur && [[ ! -e $data/utt2dur ]]; then durations="--write-utt2dur=ark,t:$log/utt2dur.JOB"; fi
copy_options=(--max-failures="$max_failures")
if $write_utt2num_frames; then copy_options+=("--write-num-frames=ark,t:$log/utt2num_frames.JOB"); fi
if $compress; then copy_options+=(--compress=true); fi
fbank="compute-fbank-feats $(shell_word "--config=$fbank_config") --max-failures=$(shell_word "$max_failures") $fbank_opts"
fbank+=" ${durations:+$(shell_word "$durations")} $(shell_word "$waves") ark:- |"
# shellcheck disable=SC2086  # --cmd has options
$cmd --title="features of $name" JOB="1:$nj" "$log/make_fbank_$name.JOB.log" \
  copy-feats "${copy_options[@]}" "ark:$fbank" \
  "ark,scp:$out/raw_fbank_$name.JOB.ark,$out/raw_fbank_$name.JOB.scp"

collect() { # <pattern of the parts, with JOB> <table>
  local i
  # Numbers in text tables are written as Kaldi does, with a space after them.
  for ((i = 1; i <= nj; i++)); do sed 's/ *$//' "${1//JOB/$i}"; done > "$2.tmp"
  mv "$2.tmp" "$2"
}
collect "$out/raw_fbank_$name.JOB.scp" "$data/feats.scp"
if $write_utt2num_frames; then collect "$log/utt2num_frames.JOB" "$data/utt2num_frames"; fi
if [[ -n $durations ]]; then collect "$log/utt2dur.JOB" "$data/utt2dur"; fi
rm -f "${parts[@]}" "$log/wav_$name.scp" "$log"/utt2{num_frames,dur}.[0-9]*
made=$(wc -l < "$data/feats.scp") wanted=$(wc -l < "$data/utt2spk")
if ((made != wanted)); then
  say "warning: features of $made of the $wanted utterances; the logs in $log say why." \
    "utils/fix_data_dir.sh $data drops the others"
fi
say "$data/feats.scp: features of $made utterances"
