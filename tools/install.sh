#!/usr/bin/env bash
# Make .venv where it is missing and install this project with one of its extras into it:
#     tools/install.sh demo|docs|dev
# Does nothing when that was done for this pyproject.toml in this folder; `dev` includes the others.
set -euo pipefail
cd "$(dirname "$0")/.."

extra=$1
stamp=.venv/.installed
key="$(cksum < pyproject.toml) $PWD"

if .venv/bin/python -c '' 2> /dev/null &&
    grep -qxF -e "$extra $key" -e "dev $key" "$stamp" 2> /dev/null; then
    exit 0
fi

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
            echo "$name"
            return
        fi
    done
    echo "No Python of version 3.11 or later was found. Install one and try again." >&2
    return 1
}

make_venv() {
    local python package
    python=$(find_python)
    # Debian and its kin keep ensurepip, without which a new venv has no pip, in another package.
    if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
        package=$("$python" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')
        if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
            echo "$python cannot make a virtual environment (on Debian: apt-get install $package)." >&2
            return 1
        fi
        echo "Installing $package"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" < /dev/null > /dev/null
    fi
    "$python" -m venv --clear .venv
}

if ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
    make_venv
fi
echo "Installing eighty80-jupyter[$extra] into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -e ".[$extra]"
echo "$extra $key" > "$stamp"
