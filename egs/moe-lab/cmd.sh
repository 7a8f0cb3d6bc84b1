# Sourced by run.sh: where processes run, and how many at a time. Every process uses one thread.
# shellcheck shell=bash disable=SC2034
nj=$(nproc)         # corpus and features
train_jobs=$(nproc) # models trained at a time
decode_jobs=1       # decoding processes: 1 keeps the real-time factors clean
# local, or slurm: job arrays of a cluster whose nodes see this folder (docs/jobs.md)
export U2MOE_ENGINE=${U2MOE_ENGINE:-local}
export U2MOE_SBATCH=${U2MOE_SBATCH:-} # options of sbatch, such as "--partition=cpu --mem=4G"
