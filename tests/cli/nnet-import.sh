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
  sed 's/"n_expert_activated": 2/"n_expert_activated": 1/' "$dir/config.json" >"$tmp/k1.json"
  check_fails "one expert of eight" 1 'experts-per-frame=1' nnet-import "$tmp/k1.json" "$moe" "$tmp/x.safetensors"
  check_fails "the arguments exchanged" 1 'not valid JSON' nnet-import "$moe" "$dir/config.json" "$tmp/x.safetensors"
  head -n 20 "$dir/units.txt" >"$tmp/few.txt"
  check_fails "too few units" 1 '20 units, but vocab-size=30' \
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
