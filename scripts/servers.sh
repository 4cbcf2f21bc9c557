# shellcheck shell=bash disable=SC2034,SC2154 # what this file and its users set for each other
# Sourced by scripts/collector and scripts/backend: finds a server that tests use, or builds it from Go modules. A build is made
# once, and kept outside the tree under the hash of what went into it.
#
# The script that sources it sets
#   label      what its messages begin with
#   server     the name of the server's binary
#   variable   the environment variable that may name one
#   on_path    array: names under which PATH may have one
#   lasts      how long a build takes
# and defines
#   recipe           prints all that the binary follows from
#   usable BINARY    whether a binary will do
#   compile DIR OUT  builds in an empty folder
# and then calls `provide`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/otel-flow-exporter
# Static, so that a cached binary outlives an upgrade of the C library. The same for all, so that they share compiled packages.
export CGO_ENABLED=0
go_flags=(-mod=mod -buildvcs=false -trimpath) ld_flags='-s -w'

say() { echo "$label: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# cached: where the build of this recipe is kept
cached() {
    local key
    key=$({ recipe; uname -sm; printf '%s\n' "${go_flags[@]}" "$ld_flags"; } | sha256sum | cut -c1-16)
    echo "$cache/$server-$key"
}

# find_existing: the binary that the variable names; one on PATH that will do; a build that is kept
find_existing() {
    local name path
    if [[ -n ${!variable:-} ]]; then
        path=$(command -v "${!variable}") || die "$variable names ${!variable}, which is not an executable"
        echo "$path"
        return
    fi
    for name in "${on_path[@]}"; do
        if path=$(command -v "$name") && usable "$path"; then
            echo "$path"
            return
        fi
    done
    path=$(cached)
    [[ -x $path ]] && echo "$path"
}

# build: makes the binary and keeps it
build() {
    local dir out
    command -v go >/dev/null || die "Go 1.25 or newer is needed to build $server; or name a binary in $variable"
    # What the proxy lacks shall fail at once and not start a build through version control.
    GOPROXY=$(go env GOPROXY)
    export GOPROXY=${GOPROXY%,direct}
    dir=$(mktemp -d "$cache/build.XXXXXX") # Beside the result, so that moving it there is atomic.
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$dir'" EXIT
    say "building it (about $lasts the first time)"
    mkdir "$dir/source"
    compile "$dir/source" "$dir/$server"
    usable "$dir/$server" || die "what was built refuses the tests' configuration"
    out=$(cached)
    mv "$dir/$server" "$out"
    say "built $out"
    echo "$out"
}

# go_build OUT PACKAGE [LINKER_FLAGS [TAGS]]: in the main module of the current folder
go_build() {
    go build "${go_flags[@]}" "-ldflags=$ld_flags ${3:-}" -tags "${4:-}" -o "$1" "$2" 2>build.log || {
        cat build.log >&2
        die "go build failed"
    }
}

# provide [--check|--update]: prints the path of the binary, see the head of the calling script
provide() {
    case ${1:-} in
        "" | --update) ;;
        --check)
            find_existing
            return
            ;;
        *) die "unknown option $1; see the head of $0" ;;
    esac
    mkdir -p "$cache"
    if [[ ${1:-} != --update ]] && find_existing; then return; fi
    exec 9>"$cache/lock"
    flock 9 # Another run may be building the same: then its result is there afterwards.
    if [[ ${1:-} != --update ]] && find_existing; then return; fi
    build
}
