#!/usr/bin/env bash
# Checks what mcrflow needs on this machine. As root on Debian or Ubuntu it
# installs what is missing; elsewhere it falls back to a download where there is
# one, and otherwise names the exact package to install. Says nothing when all
# is there.
#
# usage: scripts/setup.sh [--test]   --test: also what the race detector and the test of pages in a browser need
set -euo pipefail

readonly go_minimum=1.26
readonly postgres_minimum=14
readonly node_minimum=18

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }

can_apt() { [[ $EUID -eq 0 && -r /etc/debian_version ]] && have apt-get; }

# apt_install PACKAGE…: refreshes the package lists once, then installs.
apt_updated=
apt_install() {
	say "installing $* with apt"
	if [[ -z $apt_updated ]]; then
		apt-get update -qq >&2 || return 1
		apt_updated=yes
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

check_go() {
	have go || fail "Go $go_minimum or later is missing: install it from https://go.dev/dl/"
	local version
	version=$(go env GOVERSION) # go1.26.8
	version=${version#go}
	if [[ $(printf '%s\n' "$go_minimum" "$version" | sort -V | head -n 1) != "$go_minimum" ]]; then
		fail "Go $version is too old: install $go_minimum or later from https://go.dev/dl/"
	fi
}

# postgres_major prints the newest major version that is installed, or nothing.
postgres_major() {
	local program
	for program in "$(command -v postgres || true)" /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
		/opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres; do
		[[ -x $program ]] || continue
		"$program" --version | sed -nE 's/.*\(PostgreSQL\) ([0-9]+).*/\1/p'
	done | sort -n | tail -n 1
}

has_postgres() {
	local major
	major=$(postgres_major)
	[[ -n $major && $major -ge $postgres_minimum ]]
}

# install_postgres installs the server without the cluster that Debian would make
# and start: mcrflow keeps its own in its data directory.
install_postgres() {
	apt_install postgresql-common || return 1
	local conf=/etc/postgresql-common/createcluster.conf
	if ! grep -qsE '^[[:space:]]*create_main_cluster' "$conf"; then
		printf '%s\n' "create_main_cluster = false" >>"$conf"
	fi
	apt_install postgresql
}

check_postgres() {
	has_postgres && return
	if can_apt && install_postgres && has_postgres; then
		return
	fi
	if [[ $EUID -eq 0 ]] && ! id postgres >/dev/null 2>&1; then
		# PostgreSQL refuses to run as root.
		useradd --system --no-create-home --shell /usr/sbin/nologin postgres ||
			fail "PostgreSQL needs a user of its own: make one with \`useradd --system postgres\`"
	fi
	local downloads="${XDG_CACHE_HOME:-$HOME/.cache}/mcrflow/postgresql"
	[[ $EUID -eq 0 ]] && downloads=/var/cache/mcrflow/postgresql
	compgen -G "$downloads/*/bin/postgres" >/dev/null && return
	say "PostgreSQL $postgres_minimum or later is not installed: the first start downloads one into $downloads." \
		"Where it cannot, install the package postgresql (Debian, Ubuntu), postgresql-server (Fedora) or postgresql@17 (Homebrew)"
}

check_compiler() {
	if have gcc || have clang; then
		return
	fi
	if can_apt && apt_install gcc libc6-dev; then
		return
	fi
	fail "the race detector needs a C compiler: install the packages gcc and libc6-dev (Debian, Ubuntu), gcc (Fedora)," \
		"or run xcode-select --install (macOS)"
}

has_node() {
	local version
	version=$(node --version 2>/dev/null) # v18.20.4
	version=${version#v}
	[[ ${version%%.*} -ge $node_minimum ]] && have npm
}

check_node() {
	has_node && return
	if can_apt && apt_install nodejs npm && has_node; then
		return
	fi
	fail "the test of pages in a browser needs Node.js $node_minimum or later with npm: install it from https://nodejs.org/"
}

has_browser() {
	have chromium || have chromium-browser || have google-chrome || [[ -n ${CHROMIUM-} ]] ||
		compgen -G "/Applications/*Chrom*.app" >/dev/null
}

check_browser() {
	has_browser && return
	if can_apt && apt_install chromium && has_browser; then
		return
	fi
	fail "the test of pages in a browser needs Chromium: install the package chromium (Debian, Fedora) or Google Chrome," \
		"or name the program with CHROMIUM"
}

check_go
check_postgres
if [[ ${1-} == --test ]]; then
	check_compiler
	check_node
	check_browser
fi
