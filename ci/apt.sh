#!/bin/sh
# Installs what some tests need beyond Python, when this is Debian and we are root; else those tests skip
# and name the package.
set -eu
cd "$(dirname "$0")"
command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ] || exit 0
missing=""
while read -r package; do
    [ -n "$package" ] && ! dpkg -s "$package" >/dev/null 2>&1 && missing="$missing $package"
done < apt.txt || true
[ -z "$missing" ] && exit 0
# shellcheck disable=SC2086
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    >/dev/null 2>&1 || echo "could not install:$missing (the tests that need them skip)" >&2
