#!/usr/bin/env bash
# make_fbank.sh, compute_cmvn_stats.sh and get_utt2dur.sh: features of data directories with and without segments.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 > /dev/null; then
  skip make-fbank "no python3"
  exit 0
fi
export PATH=$root/utils/steps:$root/utils:$PATH
mkdir "$tmp/with space" # in the names of all files below
cd "$tmp/with space" || exit 1
# Recordings of noise: two of 3 s, and six utterances of 1 s that are parts of them.
python3 - << 'EOP'
import array, random, wave
rng = random.Random(3)
def write(name, samples):
    with wave.open(name, 'wb') as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes(array.array('h', samples).tobytes())
for rec in ('a', 'b'):
    samples = [rng.randrange(-3000, 3000) for _ in range(48000)]
    write(f'{rec}.wav', samples)
    for i in range(3):
        write(f'{rec}-{i}.wav', samples[i * 16000:(i + 1) * 16000])
EOP
mkdir data cut
for u in a-0 a-1 a-2 b-0 b-1 b-2; do echo "$u ${u%-*}"; done | tee data/utt2spk > cut/utt2spk
awk '{ print $1, $1 ".wav" }' data/utt2spk > data/wav.scp
awk '{ print $1, $2, substr($1, 3), substr($1, 3) == 2 ? -1 : substr($1, 3) + 1 }' data/utt2spk > cut/segments
printf 'a a.wav\nb cat b.wav |\n' > cut/wav.scp
for dir in data cut; do utt2spk_to_spk2utt.pl $dir/utt2spk > $dir/spk2utt; done
printf -- '--num-mel-bins=23\n--dither=0\n' > fbank.conf
fbank() { make_fbank.sh --fbank-config fbank.conf "$@"; }

check "make_fbank" fbank --nj 2 data log fbank
check "a good directory" validate_data_dir.sh --no-text data
# Computed apart from it.
compute-fbank-feats --config=fbank.conf scp:data/wav.scp ark,t:direct 2> /dev/null
check_equal "the features" "$(copy-feats scp:data/feats.scp ark,t:- 2> /dev/null)" "$(cat direct)"
check_equal "utt2num_frames" "$(awk '{ print $2 }' data/utt2num_frames | uniq -c | xargs)" "6 98"
check_equal "utt2dur" "$(awk '{ print $2 }' data/utt2dur | uniq -c | xargs)" "6 1"
check_equal "archives with absolute paths" "$(grep -c " $PWD/fbank/raw_fbank_data\.[12]\.ark:" data/feats.scp)" 6
check_equal "logs alone stay" "$(ls log | tr '\n' ' ')" "make_fbank_data.1.log make_fbank_data.2.log "
check "segments, more jobs than utterances, the folders in the directory" fbank --nj 9 cut
check "a good directory with segments" validate_data_dir.sh --no-text cut
check_equal "features of segments are those of the pieces" "$(copy-feats scp:cut/feats.scp ark,t:- 2> /dev/null)" "$(cat direct)"
check "again over it" fbank --nj 1 --fbank-opts "--num-mel-bins=40" --write-utt2num-frames false cut
check_equal "other options" "$(feat-to-dim scp:cut/feats.scp - 2> /dev/null) $([ -e cut/utt2num_frames ] && echo stale)" "40 "
cp -r data bad && sed -i '3s/a-2.wav/cat gone.wav |/' bad/wav.scp
check_fails "a recording that cannot be read" 1 'make_fbank_bad.1.log, its last lines' fbank --nj 1 bad log fbank
check_equal "no features then" "$([ -e bad/feats.scp ] || echo none)" none
check_fails "no configuration" 1 'conf/fbank.conf is missing' make_fbank.sh data
check_fails "no jobs" 2 "'0'" fbank --nj 0 data

check "compute_cmvn_stats" compute_cmvn_stats.sh data log fbank
check "cmvn.scp is of speakers" validate_data_dir.sh --no-text data
# The count is the last number of the first row of each matrix: three utterances of 98 frames.
check_equal "frames of each speaker" \
  "$(copy-feats scp:data/cmvn.scp ark,t:- 2> /dev/null | awk 'NF == 24 && !/]/ { printf "%d ", $NF }')" "294 294 "
check_fails "without features" 1 'feats.scp is missing or empty: make_fbank.sh' compute_cmvn_stats.sh bad

rm data/utt2dur
check "get_utt2dur from wav.scp" get_utt2dur.sh data
check_equal "seconds" "$(cat data/utt2dur)" "$(printf '%s 1\n' a-0 a-1 a-2 b-0 b-1 b-2)"
check "what is there stays" bash -c 'sed -i "s/ .*/ 7/" data/utt2dur; get_utt2dur.sh data && grep -q "a-0 7" data/utt2dur'
rm cut/utt2dur
check "get_utt2dur from segments" get_utt2dur.sh cut
check_equal "an open end is the recording's" "$(cat cut/utt2dur)" "$(printf '%s 1\n' a-0 a-1 a-2 b-0 b-1 b-2)"
rm data/{utt2dur,wav.scp}
check "get_utt2dur from features" get_utt2dur.sh --frame-shift 0.02 data
check_equal "frames times shift" "$(head -n 1 data/utt2dur)" "a-0 1.96"
rm data/{utt2dur,utt2num_frames}
check "get_utt2dur from feats.scp" get_utt2dur.sh data
check_equal "frames, of 0.01 s as in Kaldi" "$(head -n 1 data/utt2dur)" "a-0 0.98"
check "the shortest by feats.scp" subset_data_dir.sh --shortest data 2 short
check_equal "lengths from feat-to-len" "$(cut -d ' ' -f 1 short/utt2spk | xargs)" "a-0 a-1"
rm data/{utt2dur,feats.scp}
check_fails "nothing to tell a duration" 1 'none of segments, wav.scp' get_utt2dur.sh data

# What our tools and scripts write draws no complaint of ours: one line, that all is in order.
silent() { # <name> <dir>
  local said
  if [ ! -e "$2/text" ]; then said=$(validate_data_dir.sh --no-text "$2" 2>&1); else said=$(validate_data_dir.sh "$2" 2>&1); fi
  check_equal "silence after $1" "$said" "validate_data_dir.sh: $2: $(wc -l < "$2/utt2spk") utterances of $(wc -l < "$2/spk2utt") speakers, in order"
}
for kind in whole parts; do
  rm -rf m m.*
  mkdir m
  for u in a-0 a-1 a-2 b-0 b-1 b-2; do echo "$u ${u%-*}"; done > m/utt2spk
  awk '{ print $1, "words of", $1 }' m/utt2spk > m/text
  if [ $kind = whole ]; then
    awk -v here="$PWD" '{ print $1, here "/" $1 ".wav" }' m/utt2spk > m/wav.scp
  else
    awk '{ print $1, $2, substr($1, 3), substr($1, 3) == 2 ? -1 : substr($1, 3) + 1 }' m/utt2spk > m/segments
    printf "a %s/a.wav\nb cat '%s/b.wav' |\n" "$PWD" "$PWD" > m/wav.scp
    wav-to-duration scp:m/wav.scp ark,t:m/reco2dur 2> /dev/null
  fi
  utt2spk_to_spk2utt.pl m/utt2spk > m/spk2utt
  made() { # <name> <dir> <command>...
    local name=$1 dir=$2
    shift 2
    if ! "$@" > made.out 2>&1; then cli_fail "$kind: $name" "$(tail -n 5 made.out)"; fi
    check_equal "$kind: no warning from $name" "$(grep -a warning: made.out)" ""
    silent "$kind: $name" "$dir"
  }
  made make_fbank m fbank --nj 2 m
  make_units.py m/text > m.units 2> /dev/null
  text-to-tokens m.units ark:m/text ark:m.tokens 2> /dev/null
  made tokens-to-text m tokens-to-text m.units ark:m.tokens ark,t:m/text
  made compute_cmvn_stats m compute_cmvn_stats.sh m
  rm m/utt2dur
  made get_utt2dur m get_utt2dur.sh m
  if [ $kind = whole ]; then wav-to-duration scp:m/wav.scp ark,t:m/utt2dur 2> /dev/null; fi
  feat-to-len scp:m/feats.scp ark,t:m/utt2num_frames 2> /dev/null
  silent "$kind: wav-to-duration and feat-to-len" m
  made fix_data_dir m fix_data_dir.sh m
  made copy_data_dir m.copy copy_data_dir.sh --utt-prefix=x- --spk-prefix=x- m m.copy
  made subset_data_dir m.sub subset_data_dir.sh --first m 5 m.sub
  made "subset_data_dir --per-spk" m.spk subset_data_dir.sh --per-spk m 2 m.spk
  made split_data m/split2/2 split_data.sh m 2
  made combine_data m.both combine_data.sh m.both m m.copy
  if command -v sox > /dev/null; then
    perturbed() { perturb_data_dir_speed.sh 0.9 m m.slow && fbank --nj 2 m.slow; }
    made "perturb_data_dir_speed and make_fbank" m.slow perturbed
  fi
done

# features.sh, the step of the recipes, over directories with and without segments.
mkdir -p recipe/conf recipe/data/train recipe/data/test && cd recipe || exit 1
echo "export U2MOE_ROOT='$root'" > path.sh
cp ../fbank.conf conf
cp ../*.wav .
for set in train test; do
  awk '{ print $1, "words of", $1 }' ../cut/utt2spk | tee data/$set/text > /dev/null
  cp ../cut/{utt2spk,spk2utt} data/$set
done
awk '{ print $1, $1 ".wav" }' ../cut/utt2spk > data/train/wav.scp
cp ../cut/{segments,wav.scp} data/test
check "features.sh" features.sh --nj 2 data dump train test
check_equal "its features, without segments" "$(copy-feats scp:dump/train/feats.scp ark,t:- 2> /dev/null)" "$(cat ../direct)"
check_equal "and with" "$(copy-feats scp:dump/test/feats.scp ark,t:- 2> /dev/null)" "$(cat ../direct)"
check "dump has whole data directories" validate_data_dir.sh dump/test
compute-cmvn-stats ark:../direct plain.stats 2> /dev/null
check "statistics of the training set" cmp plain.stats dump/cmvn.stats
check_equal "tokens" "$(wc -l < dump/test/tokens)" 6
check_equal "seconds of audio in the report of time" "$(cat dump/test/fbank.*.json | grep -o '"audio[a-z_]*": *[0-9.]*' | awk '{ s += $2 } END { print s }')" 6
cp -r data/test data/train_cut
rm -r data/train && mv data/train_cut data/train
check "features.sh with dither" features.sh --train-dither 1 --nj 1 data dump train
check "the statistics have none" cmp plain.stats dump/cmvn.stats
check "the features have" bash -c '! cmp -s <(copy-feats scp:dump/train/feats.scp ark,t:- 2> /dev/null) ../direct'
