#!/usr/bin/env bash
# get-cuda.sh DIR: nvcc, its headers, CUDA's runtime and cuBLAS from PyPI (0.4 GB) into DIR, without a GPU, a driver or root: enough for
# `make CUDA=1 CUDA_HOME=$(tools/dev/get-cuda.sh DIR)`. Prints that folder. What is there is not fetched again.
set -euo pipefail
if [ $# -ne 1 ]; then
  echo "Usage: tools/dev/get-cuda.sh DIR" >&2
  exit 2
fi
version=13.0
home=$1/nvidia/cu${version%.*}
if ! [ -x "$home/bin/nvcc" ] || ! [ -e "$home/include/cublas_v2.h" ]; then
  packages=()
  for name in nvidia-cuda-nvcc nvidia-cuda-crt nvidia-nvvm nvidia-cuda-runtime nvidia-cuda-cccl nvidia-cublas; do packages+=("$name==$version.*"); done
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --upgrade --target "$1" "${packages[@]}" >&2
fi
[ -x "$home/bin/nvcc" ] || {
  echo "get-cuda.sh: there is no $home/bin/nvcc in what was fetched" >&2
  exit 1
}
echo "$home"
