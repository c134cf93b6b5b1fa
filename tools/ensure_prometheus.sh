#!/usr/bin/env bash
# Installs prometheus and promtool from the system's packages where they are missing and can be had; never fails a run.
set -u
has_both() { command -v prometheus >/dev/null && command -v promtool >/dev/null; }
skipped="tests that need it are skipped"
has_both && exit 0
command -v apt-get >/dev/null || { echo "prometheus is missing: $skipped"; exit 0; }
[ "$(id -u)" = 0 ] && run=() || run=(sudo -n)
echo "installing prometheus from the system's packages"
export DEBIAN_FRONTEND=noninteractive
was_there=$(command -v prometheus || true)
install() { "${run[@]}" apt-get install -y -qq --no-install-recommends prometheus >/dev/null 2>&1; }
install || { "${run[@]}" apt-get update -qq >/dev/null 2>&1; install; } || true
# The package starts a service of its own, which nothing here uses.
if [ -z "$was_there" ] && [ -d /run/systemd/system ]; then
  "${run[@]}" systemctl disable --now prometheus >/dev/null 2>&1 || true
fi
has_both || echo "prometheus could not be installed: $skipped"
exit 0
