#!/usr/bin/env bash
# What each part of the recipe brings on real data: bench/ablation.sh QUALITY_TRIAL DATA OUT
# One log an arm in OUT; about five minutes of one core each, encoders shared where the arm permits.
set -euo pipefail
trial=$(realpath "$1"); data=$(realpath "$2"); mkdir -p "$3"; cd "$3"
common="threads=1 attempts=1 resolution=96 spacing=3 mask_steps=2400 mask_window=64 image_steps=2400 image_window=64 pooled_steps=1200 tuning_steps=200"

arm() {  # NAME CACHE [key=value ...]
  local name=$1 cache=$2; shift 2; mkdir -p "$cache"
  # shellcheck disable=SC2086
  OMP_NUM_THREADS=1 "$trial" "$data" standard $common cache="$cache" "$@" >"$name.log" 2>&1
  printf '%-18s %s\n' "$name" "$(grep 'study mean' "$name.log" | sed 's/.*patients: //')"
}

arm everything      shared
arm guided          shared guided=1
arm no-averaging    no-averaging averaged_weights=0
arm no-adapters     shared adapters=0
arm no-test-views   shared test_views=1
arm no-code-noise   no-noise code_noise=0
arm whole-slices    whole image_window=0 mask_window=0 image_steps=1080 mask_steps=1080
arm one-view        shared views=1
arm no-tuning       shared tuning_steps=0
arm reconstruct     shared task=0
arm no-augmentation no-augmentation augmentation=0
