#!/usr/bin/env bash
# No script in Python shows a traceback, whatever it is given: all of them, over files that are not there, are folders,
# are not UTF-8, not JSON, empty; with slips in options; into pipes that are closed, full disks, and with Ctrl-C.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 > /dev/null; then
  skip python-errors "no python3"
  exit 0
fi
PATH=$root/utils:$root/utils/steps:$root/tools/dev:$PATH
cd "$tmp" || exit 1
mkdir folder data
printf 'u1 caf\xe9\n' > latin1
printf '\xff\xfeu\x001\x00 \x00a\x00\n\x00' > utf16
: > empty
printf '{"a": [1, 2' > broken
printf '[%.0s' {1..200000} > deep
echo '{"layers": 3, "models": [], "audio_seconds": "x", "stages": 4}' > shape
printf '\x00\x01\xfe\xff\n\n\x00' > binary
echo 'u1 a' | tee good data/text data/utt2spk > data/wav.scp
echo 'a u1' > data/spk2utt

# Every script that is not a part of another: what is run by a main of its own.
scripts=()
while IFS= read -r file; do scripts+=("$file"); done < <(
  find "$root/utils" -maxdepth 1 -type l \( -name '*.sh' -o -name '*.pl' \) | sort
  find "$root/utils" "$root/egs" "$root/tools" "$root/tests/bench" "$root/tests/support" -path '*/exp' -prune -o -path '*/data_dir' -prune -o \
    -type f \( -name '*.py' -o -name rtf-report -o -name make-report \) -print | sort | xargs -d '\n' grep -lE '^    run(_script)?\(main\)' |
    grep -v '/u2moe_script.py$'
)
check "there are scripts" test "${#scripts[@]}" -ge 24
# Tests that compare with Python packages tell with a traceback where they differ: these are not for users.
check_equal "and no others that somebody would run" "$(find "$root/tests" -name '*.py' | sort | xargs -d '\n' grep -lE '^main\(' |
  sed "s|$root/||" | xargs)" "tests/cli/feat_peers.py tests/cli/interop.py tests/cli/interop_fbank.py tests/cli/wfst_interop.py tests/support/kaldi_tools.py"

run_script() { # <script> <argument>...
  case $1 in *.py | */rtf-report | */make-report) timeout 60 python3 "$@" ;; *) timeout 60 "$@" ;; esac
}
# Runs it and tells what is not as it should be.
told() { # <name> <command>...
  local name=$1 status=0
  shift
  "$@" < /dev/null > out 2> err || status=$?
  if grep -aq 'Traceback\|^  File "\|Exception ignored' err; then
    echo "a traceback: ${*##*/}: $(tail -n 1 err)"
  elif [ $status -gt 2 ]; then
    echo "status $status: ${*##*/}: $(tail -n 1 err)"
  elif [ $status -ne 0 ] && ! grep -aq "^$name: \(error\|warning\): " err; then
    echo "no message of its own: ${*##*/}: $(tail -n 1 err)"
  fi
}
odd() {
  local script=$1 name=${1##*/} input
  for input in nofile folder latin1 utf16 empty broken deep shape binary /dev/null/x $'\xff'; do
    told "$name" run_script "$script" "$input"
    case $name in
      rtf-report) told "$name" run_script "$script" "a=$input" "b=good" ;;
      sym2int.pl | int2sym.pl | filter_scp.pl | compare_reference.py)
        told "$name" run_script "$script" good "$input"
        told "$name" run_script "$script" "$input" good
        ;;
      split_scp.pl)
        told "$name" run_script "$script" "$input" part.1
        told "$name" run_script "$script" --utt2spk="$input" good part.1
        told "$name" run_script "$script" -j x 1 "$input"
        ;;
      subset_data_dir.sh)
        told "$name" run_script "$script" "$input" 1 new
        told "$name" run_script "$script" data "$input" new
        told "$name" run_script "$script" --utt-list "$input" data new
        told "$name" run_script "$script" data 1 "$input"
        ;;
      split_data.sh) told "$name" run_script "$script" "$input" 2 ;;
      perturb_data_dir_speed.sh) told "$name" run_script "$script" 0.9 "$input" new ;;
      copy_data_dir.sh | combine_data.sh)
        told "$name" run_script "$script" "$input" new
        told "$name" run_script "$script" data "$input"
        ;;
      get_utt2dur.sh | validate_data_dir.sh | fix_data_dir.sh)
        rm -rf made
        cp -r data made
        rm made/text
        if [ -f "$input" ]; then cp "$input" made/text; else mkdir made/text; fi
        told "$name" run_script "$script" made
        if [ -f "$input" ]; then cp "$input" made/utt2spk; fi
        told "$name" run_script "$script" made
        ;;
      expert_front.py)
        mkdir -p front/plain
        if [ -f "$input" ]; then cp "$input" front/plain/wer.json; fi
        told "$name" run_script "$script" "${input}" plain
        told "$name" run_script "$script" front plain
        ;;
      make-report)
        told "$name" run_script "$script" --out "$input" "$input"
        told "$name" run_script "$script" --seeds 1 --sets s --chunks -1 --data "$input" --out out.report "$input"
        # Each file of a whole experiment in turn is something else.
        rm -rf made
        python3 "$root/tests/support/fake_experiment.py" made 1 0.2 0.1
        for file in exp/moe/1/{log.jsonl,info.json,routing.json,decode/test/-1/{forward.json,greedy.wer.per_utt,greedy.wer.json}} \
          data/test/utt2lang; do
          [ -f "$input" ] || continue
          mv "made/$file" kept
          cp "$input" "made/$file"
          told "$name" run_script "$script" --out out.report made/exp
          mv kept "made/$file"
        done
        ;;
      report.py) # of egs/moe-lab
        mkdir -p lab/polyglot
        told "$name" run_script "$script" --results lab "$input"
        if [ -f "$input" ]; then cp "$input" lab/polyglot/plain-1.json; fi
        told "$name" run_script "$script" --results lab --print true out.md
        rm -f lab/polyglot/plain-1.json
        if [ -f "$input" ]; then cp "$input" lab/polyglot/effect.json; fi
        told "$name" run_script "$script" --results lab --print true out.md
        rm -f lab/polyglot/effect.json
        ;;
      make_connected.py)
        mkdir -p wavs
        if [ -f "$input" ]; then cp "$input" wavs/0_theo_0.wav; fi
        told "$name" run_script "$script" --fsdd "$input" --out out.connected
        told "$name" run_script "$script" --fsdd wavs --out out.connected
        ;;
      make_utterances.py)
        mkdir -p words
        if [ -f "$input" ]; then cp "$input" words/de.txt; fi
        told "$name" run_script "$script" --langs de --topics days --train 3 --dev 2 --test 2 --corpus c --data d --words words
        ;;
      mutate.py) told "$name" run_script "$script" "$input" 2 1 m ;;
      fsdd_wenet.py)
        told "$name" run_script "$script" units "$input"
        told "$name" run_script "$script" compare "$input" "$input" . t
        ;;
    esac
  done
}
slip() { # an option with a letter too few is named, with the one that was meant
  local script=$1 name=${1##*/} option
  option=$(run_script "$script" --help 2> /dev/null | grep -oE -e '--[a-z][a-z0-9-]{3,}' | grep -v -e '--help\|--stats' | head -n 1)
  [ -n "$option" ] || option=--help
  if ! grep -q 'Options(_*doc' "$(readlink -f "$script")" "$root/utils/data_dir/$(basename "${name%.*}").py" 2> /dev/null &&
    ! grep -q 'run_convert' "$root/utils/data_dir/${name%.*}.py" 2> /dev/null; then
    return # takes no options
  fi
  local status=0
  run_script "$script" "${option%?}" x y > out 2> err < /dev/null || status=$?
  [ $status -eq 2 ] && grep -q "^$name: error: unknown option ${option%?}; did you mean $option?" err ||
    echo "status $status for ${option%?}: $(tail -n 1 err)"
}
closed() { # output that cannot be written
  local script=$1 name=${1##*/} status=0
  run_script "$script" --help > out 2> err < /dev/null
  [ -s out ] || return # its help is on stderr
  run_script "$script" --help 2> err > /dev/full < /dev/null || status=$?
  [ $status -eq 1 ] && grep -q "^$name: error: could not write to standard output: No space" err ||
    echo "/dev/full: status $status: $(tail -n 1 err)"
  if grep -q Traceback err; then echo "a traceback for /dev/full"; fi
  { run_script "$script" --help 2> err < /dev/null; } | :
  if [ -s err ]; then echo "a closed pipe: $(tail -n 1 err)"; fi
  run_script "$script" --help >&- 2> err < /dev/null
  if grep -q Traceback err; then echo "stdout closed: $(tail -n 1 err)"; fi
}
for script in "${scripts[@]}"; do
  name=${script##*/}
  check_equal "$name: odd input" "$(odd "$script")" ""
  check_equal "$name: a slip in an option" "$(slip "$script")" ""
  check_equal "$name: output that goes nowhere" "$(closed "$script")" ""
done

# Messages of the tools' own kind.
check_fails "no such file" 1 '^make_units.py: error: absent: No such file' make_units.py absent
check_fails "a folder" 1 '^filter_scp.pl: error: folder: Is a directory' filter_scp.pl folder good
check_fails "not UTF-8, with its line" 1 'error: latin1:1: not UTF-8' make_units.py latin1
check_fails "UTF-16 is named" 1 'error: utf16: this is UTF-16.*iconv' filter_scp.pl utf16 good
check_fails "UTF-16 on stdin too" 1 'stdin: this is UTF-16' bash -c 'filter_scp.pl good < utf16'
printf '{"a": [1, 2' > broken # wav_paths.sh has written it anew
check_fails "not JSON, with its place" 1 'error: broken:1: not JSON: .* at character 12' rtf-report a=broken
check_fails "JSON of another kind" 1 'error: shape: not a --stats file' rtf-report a=shape
check_fails "a folder to write into" 1 'error: folder: could not write it: Is a directory' split_scp.pl good folder
check_fails "a full disk, at the end" 1 'error: /dev/full: could not write it: No space left' split_scp.pl good /dev/full
check_fails "a number with a letter" 2 "^bench_scale.py: error: --rounds: '3x' is not a number above 0" bench_scale.py --rounds=3x
check_fails "a value is missing" 2 'option --json needs a value' rtf-report --json
check_fails "underscores do for hyphens" 1 'absent/utt2spk' copy_data_dir.sh --utt_prefix=a absent new
seq 100000 | sed 's/$/ a/' > long
head_of() { filter_scp.pl long long | head -n 1; }
check_equal "| head" "$(head_of 2> err; cat err)" "1 a"
check_fails "stdin closed" 1 'error' bash -c 'filter_scp.pl good <&-'
check_equal "stderr closed: messages do not go to stdout" "$(make_units.py absent 2>&-)" ""

# Ctrl-C and TERM: no word, the status of the signal, no temporary file.
cat > slow.py << 'EOP'
import os, sys, time
sys.path.append(sys.argv[1])
from u2moe_script import run, writing
def main():
    with writing('slow.out') as f:
        f.write('half')
        open('ready', 'w').close()
        time.sleep(60)
run(main)
EOP
for signal in INT TERM HUP; do
  rm -f ready
  env --default-signal=INT,TERM,HUP python3 slow.py "$root/utils" 2> err & # a background command would ignore INT
  pid=$!
  for ((i = 0; i < 500; i++)); do [ -e ready ] && break; sleep 0.02; done
  kill -$signal $pid
  status=0
  wait $pid 2> /dev/null || status=$?
  check_equal "SIG$signal: status, words, files" "$status $(cat err) $(find . -name 'slow.out*' | wc -l)" \
    "$((128 + $(kill -l $signal)))  0"
done
# Also while the modules are read, which takes a moment on a slow disk.
cat > early.py << 'EOP'
import os, signal, sys
sys.path.append(sys.argv[1])
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
import u2moe_script
EOP
for module in u2moe_text argparse; do
  status=0
  env --default-signal=INT bash -c 'python3 early.py "$@"' - "$root/utils" $module 2> err || status=$?
  check_equal "SIGINT before $module is read" "$status $(grep -c Traceback err)" "130 0"
done
# A file keeps its access rights and its place behind a link; a failure keeps the old one.
mkdir store
echo old > store/part && chmod 664 store/part && ln -s store/part link && ln -s store/new dangling
check "through links" split_scp.pl long link dangling
check_equal "to where they point, with the old rights" \
  "$(stat -c %a store/part) $(wc -l < store/part) $(wc -l < store/new) $(find . -maxdepth 1 -type l | wc -l)" "664 50000 50000 2"
