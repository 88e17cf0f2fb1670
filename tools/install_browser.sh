#!/usr/bin/env bash
# Install Chromium and the fonts of the browser tests where apt-get and the rights for it are at
# hand; elsewhere say what is missing. Never fails: without Chromium, the tests skip, or fail in CI.
set -euo pipefail

packages=(chromium fonts-dejavu-core fonts-droid-fallback fonts-liberation fonts-noto-color-emoji)

found=""
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" > /dev/null; then
        found=$name
        break
    fi
done

if command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    missing=()
    for package in "${packages[@]}"; do
        if [ "$package" = chromium ] && [ -n "$found" ]; then
            continue
        fi
        status=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true)
        if [ "$status" != "install ok installed" ]; then
            missing+=("$package")
        fi
    done
    if [ "${#missing[@]}" = 0 ]; then
        exit 0
    fi
    echo "Installing ${missing[*]}"
    apt-get update -qq || true
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" < /dev/null > /dev/null; then
        exit 0
    fi
    echo "apt-get could not install: ${missing[*]}" >&2
fi

if [ -z "$found" ]; then
    echo "No Chromium was found: the browser tests cannot run." >&2
    echo "Install Chromium and, for the pictures, fonts (on Debian: ${packages[*]})." >&2
fi
