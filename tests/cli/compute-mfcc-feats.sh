#!/usr/bin/env bash
# compute-mfcc-feats, and what it shares with compute-fbank-feats: threads and VTLN. Its numbers over random options
# are compared in feat-peers.sh.
. "$(dirname "$0")/../support/cli.sh"
wav=$(golden_path fbank/wav)
want=$(golden_path fbank/mfcc13_8k_no_energy.knf.ark)
if [ -z "$wav" ] || [ -z "$want" ]; then
  skip "compute-mfcc-feats" "no golden audio"
  exit 0
fi
cd "$tmp" || exit 1
mfcc="compute-mfcc-feats --print-args=false --dither=0 --sample-frequency=8000"
fbank="compute-fbank-feats --print-args=false --sample-frequency=8000 --num-mel-bins=40"
for name in 0_george_0 7_jackson_3 9_theo_12; do echo "$name $wav/$name.wav"; done >digits.scp

numbers() { copy-feats --print-args=false "ark:$1" ark,t:- 2>/dev/null | tr -s ' ' '\n'; }
check "cepstra of three files" $mfcc --use-energy=false scp:digits.scp ark,scp:mfcc.ark,mfcc.scp
check_equal "three matrices of 13" "$(feat-to-dim scp:mfcc.scp ark,t:- 2>/dev/null | awk '{print $1, $2}' | paste -sd' ')" \
  "0_george_0 13 7_jackson_3 13 9_theo_12 13"
check_equal "are kaldi-native-fbank's" "$(paste <(numbers mfcc.ark) <(numbers "$want") | awk '
  NF == 2 && $1 ~ /^[-0-9]/ && $1 !~ /_/ { n++; d = $1 - $2; if (d < 0) d = -d; if (d > 2e-3) bad++ }
  END { print n, bad + 0 }')" "1430 0"
check "--num-ceps" $mfcc --num-ceps=7 --num-mel-bins=15 scp:digits.scp ark:seven.ark
check_equal "is the dimension" "$(feat-to-dim ark:seven.ark - 2>/dev/null)" 7
check "--subtract-mean" $mfcc --subtract-mean=true scp:digits.scp ark:centered.ark
check_equal "leaves means of 0" "$(compute-cmvn-stats --binary=false ark:centered.ark - 2>/dev/null |
  awk 'NR == 2 { for (i = 1; i < NF; i++) if ($i > 1e-2 || $i < -1e-2) bad++; print bad + 0 }')" 0
check_fails "more cepstra than filters" 2 "num-ceps=24.*23" $mfcc --num-ceps=24 scp:digits.scp ark:x.ark
check_fails "a negative lifter" 2 "cepstral-lifter=-1" $mfcc --cepstral-lifter=-1 scp:digits.scp ark:x.ark
check_fails "an unknown option" 2 "did you mean --num-ceps" $mfcc --num-cep=3 scp:digits.scp ark:x.ark
echo "utt nowhere.wav" >bad.scp
check_fails "a missing file" 1 "utterance utt: .*nowhere.wav" $mfcc scp:bad.scp ark:x.ark

# Threads: the same bytes, the same failures, in the same order; with dither, and more utterances than a group holds.
for i in 1 2 3 4 5 6 7 8 9; do sed "s/^/$i-/" digits.scp; done >many.scp
sed -i '5s/ .*/ nowhere.wav/; 11s/^/short-/' many.scp
for threads in 1 2 7; do
  for tool in "$mfcc --dither=1" "$fbank"; do
    name=${tool:8:4}
    check_fails "$name on $threads threads" 1 "Done 26 utterances, 1 failed" $tool --num-threads=$threads \
      --min-duration=0.3 --write-utt2dur=ark,t:$name$threads.dur scp:many.scp ark,scp:$name$threads.ark,$name.scp
    check "the same features" cmp "${name}1.ark" "$name$threads.ark"
    check "the same durations" cmp "${name}1.dur" "$name$threads.dur"
  done
done
check_equal "what was long enough is there" "$(wc -l <mfcc.scp)" 17
check_fails "no threads" 2 "num-threads=0" $mfcc --num-threads=0 scp:digits.scp ark:x.ark

# VTLN: per utterance, per speaker, for all.
check "a warp for all" $mfcc --vtln-warp=0.9 scp:digits.scp ark:warped.ark
printf '0_george_0 g\n7_jackson_3 j\n9_theo_12 g\n' >utt2spk
printf 'g 0.9\nj 0.9\n' >spk2warp
check "a warp per speaker" $mfcc --num-threads=2 --vtln-map=ark:spk2warp --utt2spk=ark:utt2spk scp:digits.scp ark:warped2.ark
check "gives the same" cmp warped.ark warped2.ark
$mfcc scp:digits.scp ark:plain.ark 2>/dev/null
differ() { ! cmp -s "$1" "$2" && [ -s "$1" ] && [ -s "$2" ]; }
check "and changes something" differ warped.ark plain.ark
printf '0_george_0 1\n7_jackson_3 1.0\n9_theo_12 1\n' >utt2warp
check "warps of 1" $mfcc --vtln-map=ark:utt2warp scp:digits.scp ark:ones.ark
check "change nothing" cmp ones.ark plain.ark
printf '0_george_0 1\n7_jackson_3 fast\n9_theo_12 60\n' >utt2warp
check_fails "a warp that is no number" 1 "7_jackson_3.*'fast'" $mfcc --vtln-map=ark:utt2warp scp:digits.scp ark:x.ark
check_fails "a warp out of range" 1 "utterance 9_theo_12: .*60" $mfcc --vtln-map=ark:utt2warp scp:digits.scp ark:x.ark
check_equal "spare the others" "$(feat-to-len ark:x.ark ark,t:- 2>/dev/null | wc -l)" 1
sed -i 1d utt2warp
check_fails "no warp for an utterance" 1 "utterance 0_george_0: .*no entry" $mfcc --vtln-map=ark:utt2warp scp:digits.scp ark:x.ark
check_fails "a warp of 0" 2 "vtln-warp=0" $mfcc --vtln-warp=0 scp:digits.scp ark:x.ark
check_fails "bends outside the band" 2 "vtln-low=10" $mfcc --vtln-warp=1.1 --vtln-low=10 scp:digits.scp ark:x.ark
check_fails "speakers without a map" 2 "utt2spk needs --vtln-map" $mfcc --utt2spk=ark:utt2spk scp:digits.scp ark:x.ark
