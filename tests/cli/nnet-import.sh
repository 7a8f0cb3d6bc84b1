#!/usr/bin/env bash
# nnet-import on the reference models.
. "$(dirname "$0")/../support/cli.sh"

moe=$(golden_path models/moe/weights.safetensors)
if [ -n "$moe" ]; then
  dir=$(dirname "$moe")
  check "imports a golden model" nnet-import --units="$dir/units.txt" "$dir/config.json" "$moe" "$tmp/moe.safetensors"
  check "nnet-info reads it" nnet-info "$tmp/moe.safetensors"
  check_fails "says that there are no units" 0 'names no units; give them with --units' \
    nnet-import "$dir/config.json" "$moe" "$tmp/none.safetensors"
  sed 's/"output_size": 32/"output_size": 64/' "$dir/config.json" >"$tmp/wide.json"
  check_fails "weights of another model" 1 'weights.safetensors: .*do the two belong together|has shape' \
    nnet-import "$tmp/wide.json" "$moe" "$tmp/x.safetensors"
  sed 's/"use_cnn_module": true/"use_cnn_module": false/' "$dir/config.json" >"$tmp/nocnn.json"
  check_fails "an unsupported setting" 1 'nocnn.json: encoder_conf.use_cnn_module=false is not supported; only true is' \
    nnet-import "$tmp/nocnn.json" "$moe" "$tmp/x.safetensors"
  # One expert of eight per frame: runs, whole and as a stream, and cannot be trained.
  sed 's/"n_expert_activated": 2/"n_expert_activated": 1/' "$dir/config.json" >"$tmp/k1.json"
  check "one expert of eight" nnet-import --units="$dir/units.txt" "$tmp/k1.json" "$moe" "$tmp/k1.safetensors"
  k1=$tmp/k1.safetensors
  check "one expert: runs" nnet-forward --chunk-size=4 --num-left-chunks=2 "$k1" "ark:$dir/feats.ark" "ark:$tmp/k1.logp" "ark:$tmp/k1.enc"
  check "one expert: streams" nnet-forward --chunk-size=4 --num-left-chunks=2 --streaming "$k1" "ark:$dir/feats.ark" "ark:$tmp/k1.stream"
  rounded() { copy-feats --print-args=false "ark:$1" ark,t:- 2>/dev/null | awk '{ for (i = 1; i <= NF; ++i) if ($i ~ /[0-9]/ && $i !~ /utt/) $i = sprintf("%.2f", $i + 0.0001234); print }'; }
  check_equal "one expert: the stream is the masked whole" "$(diff <(rounded "$tmp/k1.logp") <(rounded "$tmp/k1.stream") | grep -c '^[<>]')" 0
  check "one expert: limits of a chunk" nnet-forward --chunk-size=4 --chunk-experts=3 --expert-budget=2 "$k1" "ark:$dir/feats.ark" ark:/dev/null
  check "one expert: searched" ctc-decode --nbest=3 "ark:$tmp/k1.logp" "ark:$tmp/k1.nbest" "ark:$tmp/k1.scores"
  check "one expert: rescored" attention-rescore "$k1" "ark:$tmp/k1.enc" "ark:$tmp/k1.nbest" "ark:$tmp/k1.scores" ark,t:-
  check "one expert: counted" moe-route-stats --json="$tmp/k1.stats" "$k1" "ark:$dir/feats.ark"
  check_equal "one expert: its gate is 1" "$(tr -d ' \n' <"$tmp/k1.stats" | grep -o '"mean_gates":\[[^]]*\]' | sort -u)" '"mean_gates":[1.0]'
  echo 'utt1 3 4' >"$tmp/k1.tokens"
  check_fails "one expert: is not trained" 2 'k1.safetensors: experts-per-frame=1 .*no gradient, as a softmax over one logit is constant' \
    nnet-train "$k1" "ark:$dir/feats.ark" "ark:$tmp/k1.tokens" "$tmp/x.safetensors"
  check_fails "one expert: none to skip" 2 'no second to skip' \
    nnet-forward --skip-second-gate=0.5 "$k1" "ark:$dir/feats.ark" ark:/dev/null
  check_fails "one expert: none to calibrate" 2 'no mixture with a second expert' \
    moe-calibrate "$k1" "ark:$dir/feats.ark" "$tmp/x.safetensors"
  # What people have at hand instead.
  printf 'encoder: conformer\nencoder_conf:\n    output_size: 32\n' >"$tmp/train.yaml"
  check_fails "train.yaml" 1 'train.yaml: not valid JSON, but maybe YAML; convert it: python3 -c .*yaml.safe_load' \
    nnet-import "$tmp/train.yaml" "$moe" "$tmp/x.safetensors"
  printf 'PK\003\004\000\000\010\010\000\000\000\000archive/data.pkl' >"$tmp/final.pt"
  check_fails "final.pt" 1 'final.pt: .*PyTorch checkpoint.*save_file' nnet-import "$dir/config.json" "$tmp/final.pt" "$tmp/x.safetensors"
  sed 's/"model": "asr_model"/"model": "asr_model", "tokenizer": "bpe"/' "$dir/config.json" >"$tmp/bpe.json"
  check_fails "word pieces" 1 'bpe.json: tokenizer=bpe \(word pieces\) needs SentencePiece.s model of them; give it with --bpe-model' nnet-import "$tmp/bpe.json" "$moe" "$tmp/x.safetensors"
  python3 "$root/tests/support/tiny_word_pieces.py" "$tmp/bpe.model" ▁ A "<u3>"
  check "word pieces with their model" nnet-import --units="$dir/units.txt" --bpe-model="$tmp/bpe.model" "$tmp/bpe.json" "$moe" "$tmp/bpe.safetensors"
  check_equal "in capital letters, as WeNet's" "$(nnet-info "$tmp/bpe.safetensors" 2>/dev/null | grep -c '^# word pieces: .*, case upper, ')" 1
  check_fails "letters have no model" 1 'tokenizer=char.*leave --bpe-model away' bash -c \
    'sed "s/\"bpe\"/\"char\"/" "$1/bpe.json" >"$1/char.json"; nnet-import --units="$2" --bpe-model="$1/bpe.model" "$1/char.json" "$3" "$1/x.safetensors"' \
    - "$tmp" "$dir/units.txt" "$moe"
  awk '{ if ($1 == "<blank>") $2 = 2; else if ($2 == 2) $2 = 0; print }' "$dir/units.txt" >"$tmp/moved.txt"
  check_fails "another blank in the units" 1 'k1.json: the id of <blank> is 0 by .*, but 2 by .*moved.txt' \
    nnet-import --units="$tmp/moved.txt" "$tmp/k1.json" "$moe" "$tmp/x.safetensors"
  awk '{ if ($1 == "<sos/eos>") $2 = 5; else if ($2 == 5) $2 = 2; print }' "$dir/units.txt" >"$tmp/moved.txt"
  check_fails "another <sos/eos> in the units" 1 'the id of <sos> is 2 by .*, but 5 by .*moved.txt' \
    nnet-import --units="$tmp/moved.txt" "$tmp/k1.json" "$moe" "$tmp/x.safetensors"
  sed 's/^<blank> /q /' "$dir/units.txt" >"$tmp/noblank.txt"
  check_fails "a unit with the id of <blank>" 0 'config.json: the id 0 is that of <blank>, <sos> or <eos>, but of q by the units' \
    nnet-import --units="$tmp/noblank.txt" "$dir/config.json" "$moe" "$tmp/q.safetensors"
  sed 's/"cmvn": "global_cmvn"/"cmvn": null/' "$dir/config.json" >"$tmp/nocmvn.json"
  check_fails "CMVN in the weights alone" 0 'has encoder.global_cmvn tensors, but .*nocmvn.json asks for no CMVN' \
    nnet-import --units="$dir/units.txt" "$tmp/nocmvn.json" "$moe" "$tmp/q.safetensors"
  check_fails "the arguments exchanged" 1 'not valid JSON' nnet-import "$moe" "$dir/config.json" "$tmp/x.safetensors"
  head -n 20 "$dir/units.txt" >"$tmp/few.txt"
  check_fails "too few units" 1 'the number of units is 30 by output_dim, but 20 by .*few.txt' \
    nnet-import --units="$tmp/few.txt" "$dir/config.json" "$moe" "$tmp/x.safetensors"
  check_equal "a failure leaves no file" "$(find "$tmp" -name 'x.safetensors*')" ""
else
  skip "imports a golden model" "no golden models"
fi

if [ -n "$fsdd" ]; then
  while read -r name total; do
    check "imports $name" nnet-import --print-args=false "$fsdd/$name/config.json" "$fsdd/$name/final.safetensors" \
      "$tmp/$name.safetensors"
    check_equal "$name has the reference's number of parameters" \
      "$(nnet-info --print-args=false "$tmp/$name.safetensors" | awk '$1 == "total" { print $2 }')" "$total"
  done <<'EOF'
wenet_dense 1,229,337
wenet_moe 4,359,321
wenet_dense_big 4,342,041
EOF
else
  skip "imports the FSDD models" "no ../shared/data/fsdd"
fi
check_fails "two arguments" 2 'Usage: nnet-import' nnet-import --print-args=false a b
