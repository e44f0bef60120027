#!/usr/bin/env bash
# Runs the commands of the README's tour, in order, against an instance with demonstration data. Fails at the first
# command that fails.
#
# usage: scripts/tour.sh [host:port [data-dir [README]]]   default: 127.0.0.1:8080 .mcrflow README.md
set -euo pipefail
cd "$(dirname "$0")/.."
address=${1:-127.0.0.1:8080}
data=${2:-.mcrflow}
readme=${3:-README.md}

commands=$(awk '/<!-- tour -->/ {tour = 1} /<!-- end of tour -->/ {tour = 0}
	/^```/ {if (!shell) {shell = tour && $0 == "```sh"; next} shell = 0; next}
	shell' "$readme" | sed -e "s#127\.0\.0\.1:8080#$address#g" -e "s#\.mcrflow/#$data/#g")
[[ -n $commands ]] || { echo "no tour in $readme" >&2; exit 1; }
exec bash -euo pipefail -c "$commands"
