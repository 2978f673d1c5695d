#!/usr/bin/env bash
# A disk that fills up while the demo runs, and what the same command does once there is room again.
#   full_disk.sh CLOISTER FOLDER
# The disk is a memory file system in a mount namespace of our own; status 77 where that is not allowed.
set -u
cloister=$1
disk=$2
if [ "${3:-}" != inside ]; then
  unshare -m true 2>/dev/null || { echo "No mount namespace is allowed here."; exit 77; }
  exec unshare -m "$0" "$cloister" "$disk" inside
fi
mount -t tmpfs -o size=1200m none "$disk" || exit 77
demo() { "$cloister" demo --budget rehearsal --out "$disk/out"; }

demo > "$disk/first.log" 2>&1 &
first=$!
until grep -q 'encode ' "$disk/first.log"; do
  kill -0 $first 2>/dev/null || { cat "$disk/first.log"; exit 1; }
  sleep 0.1
done
dd if=/dev/zero of="$disk/filler" bs=1M 2>/dev/null
wait $first
echo "first run: status $?"
rm "$disk/filler"
tail -n 3 "$disk/first.log"
left=0
for line in /proc/[0-9]*/cmdline; do
  [[ "$(tr '\0' ' ' 2>/dev/null < "$line")" == *"$disk/out"* ]] && left=$((left + 1))
done
echo "processes left: $left"
demo > "$disk/second.log" 2>&1
echo "second run: status $?"
tail -n 40 "$disk/second.log"
