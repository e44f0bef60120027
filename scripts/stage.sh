#!/usr/bin/env bash
# Runs one stage of a build and says how long it took. What `go build -v` lists is
# counted, not printed; everything else is shown.
#
# usage: scripts/stage.sh NAME COMMAND…
set -euo pipefail

name=$1
shift
printf '==> %s\n' "$name"

# progress counts downloads, and lines that are nothing but an import path.
progress() {
	awk '
		function show() { printf "    %d modules downloaded, %d packages compiled\n", modules, packages; fflush() }
		/^go: downloading / { modules++; if (modules % 100 == 0) show(); next }
		/^[A-Za-z0-9._~\/-]+$/ { packages++; if (packages % 200 == 0) show(); next }
		{ print; fflush() }
	'
}

status=0
if [[ " $* " == *" build -v "* ]]; then
	"$@" 2>&1 | progress || status=$?
else
	"$@" || status=$?
fi
if [[ $status -ne 0 ]]; then
	printf '==> %s: FAILED after %d s\n' "$name" "$SECONDS"
	exit "$status"
fi
printf '==> %s: %d s\n' "$name" "$SECONDS"
