#!/usr/bin/env bash
# Installs what the tests, the demo and the runbook need beside Python, where it is missing and we may: Debian's packages
# prometheus (with promtool), jq, curl, openssl and systemd (for systemd-analyze). It starts nothing.
set -euo pipefail
declare -A packages=([prometheus]=prometheus [promtool]=prometheus [jq]=jq [curl]=curl [openssl]=openssl [systemd-analyze]=systemd)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}; install these packages of Debian" >&2
  exit 1
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # 101 keeps a package from starting its own service on this machine
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
