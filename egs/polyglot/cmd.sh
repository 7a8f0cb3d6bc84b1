# Sourced by run.sh: how many processes run at a time. Every process uses one thread.
# shellcheck shell=bash disable=SC2034
nj=$(nproc)         # corpus and features
train_jobs=$(nproc) # models trained at a time
decode_jobs=1       # decoding processes: 1 keeps the real-time factors clean
