#!/usr/bin/env bash
# Installs redis-server from the system's packages where it is missing and can be had; never fails a run.
set -u
command -v redis-server >/dev/null && exit 0
command -v apt-get >/dev/null || { echo "redis-server is missing: tests that need it are skipped"; exit 0; }
[ "$(id -u)" = 0 ] && run=() || run=(sudo -n)
echo "installing redis-server from the system's packages"
export DEBIAN_FRONTEND=noninteractive
install() { "${run[@]}" apt-get install -y -qq --no-install-recommends redis-server >/dev/null 2>&1; }
install || { "${run[@]}" apt-get update -qq >/dev/null 2>&1; install; } || true
command -v redis-server >/dev/null || echo "redis-server could not be installed: tests that need it are skipped"
exit 0
