#!/usr/bin/env bash
# Brings node_modules to what package-lock.json says, then makes sure that the project's own Node is there.
# Run by make with whatever Node the machine has: it only needs to run npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { printf '\n%s\n' "$@" >&2; exit 1; }

# PATH starts with node_modules/.bin, whose Node may be about to be replaced: use the machine's.
path_without_project="${PATH//$PWD\/node_modules\/.bin:/}"
command -v npm >/dev/null || fail "npm is missing. Install Node.js 20 or newer, for example: apt-get install -y nodejs npm"
system_node=$(PATH="$path_without_project" command -v node || true)
[ -n "$system_node" ] || fail "node is missing. Install Node.js 20 or newer, for example: apt-get install -y nodejs npm"
major=$("$system_node" -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "Node.js $major is too old to install the dependencies: 20 or newer is needed (the project brings Node 24 itself)."

# The same packages at the same versions already? Then a newer date on the lockfile (a checkout, a rebase) means nothing.
if ! "$system_node" tools/installed.mjs; then
  echo "Installing the dependencies (npm ci; about half a minute the first time)…"
  PATH="$path_without_project" npm ci --no-audit --no-fund --loglevel=error
fi

node24=node_modules/.bin/node
works() { [ -x "$node24" ] && "$node24" --version 2>/dev/null | grep -q '^v24\.'; }
if ! works; then
  echo "The package 'node' has no binary yet (npm was told to run no install scripts?): fetching it…"
  (cd node_modules/node && PATH="$path_without_project" "$system_node" installArchSpecificPackage.js) || true
  mkdir -p node_modules/.bin
  [ -e node_modules/node/bin/node ] && ln -sf ../node/bin/node "$node24"
fi
works || fail \
  "Node 24 is not in node_modules/.bin. The npm package 'node' fetches it in its install script, which did not run." \
  "Do this, then repeat your command:" \
  "    (cd node_modules/node && node installArchSpecificPackage.js) && ln -sf ../node/bin/node node_modules/.bin/node"
touch node_modules/.stamp
