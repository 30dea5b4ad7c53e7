#!/bin/sh
@MARK@
# Below this script: the program, then its runtime. The first start unpacks both into a cache directory.
set -u
die() { echo "realm: $1" >&2; exit 126; }
case $0 in */*) self=$0 ;; *) self=$(command -v -- "$0") ;; esac
case $self in /*) ;; *) self=$PWD/$self ;; esac
if [ -L "$self" ]; then self=$(readlink -f -- "$self" 2>/dev/null || printf %s "$self"); fi

if [ -n "${REALM_CACHE_DIR-}" ]; then cache=$REALM_CACHE_DIR
elif [ -n "${XDG_CACHE_HOME-}" ]; then cache=$XDG_CACHE_HOME/realm
elif [ -n "${HOME-}" ] && [ -w "$HOME" ]; then cache=$HOME/.cache/realm
else
  cache=${TMPDIR:-/tmp}/realm-$(id -u)
  if [ -L "$cache" ]; then die "$cache is a symbolic link and not used as cache; remove it or set REALM_CACHE_DIR"; fi
fi
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
runtime=$cache/runtime-@RUNTIME_ID@
app=$cache/app-@APP_ID@

unpack() {
  case $(uname -s) in @SYSTEM@) ;; *) die "this file is for @PLATFORM@ and this machine runs $(uname -s); get the file for it" ;; esac
  case $(uname -m) in @MACHINES@) ;; *) die "this file is for @PLATFORM@ and this machine is $(uname -m); get the file for it" ;; esac
  mask=$(umask)
  umask 077
  mkdir -p -- "$cache" 2>/dev/null
  if [ ! -O "$cache" ]; then die "cannot use $cache as cache, since it cannot be made or belongs to another user; set REALM_CACHE_DIR to a directory of yours"; fi
  # Left over by starts that were killed.
  find "$cache" -maxdepth 1 -name 'new.*' -mmin +60 -exec rm -rf {} + 2>/dev/null
  new=$(mktemp -d "$cache/new.XXXXXX" 2>/dev/null) || die "cannot write to the cache $cache (is it read-only or full?); set REALM_CACHE_DIR to a directory with 120 MB free"
  trap 'rm -rf -- "$new"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ ! -f "$runtime/realm" ]; then
    mkdir -- "$new/runtime"
    command -v gzip >/dev/null 2>&1 || die "gzip is needed for the first start and is not installed"
    tail -c +@RUNTIME_AT@ -- "$self" 2>/dev/null | gzip -dc 2>/dev/null | tail -c +@RUNTIME_SKIP@ 2>/dev/null | head -c @RUNTIME_SIZE@ >"$new/runtime/realm" 2>/dev/null
    check "$new/runtime/realm" @RUNTIME_SIZE@ @RUNTIME_SHA@
    chmod 700 "$new/runtime/realm"
    "$new/runtime/realm" --version >/dev/null 2>&1 || die "the runtime in $cache cannot be executed (is it mounted noexec, or the system's C library older than glibc 2.27?); set REALM_CACHE_DIR to a directory that allows it"
    place "$new/runtime" "$runtime"
  fi
  if [ ! -f "$app/@MAIN@" ]; then
    tail -c +@APP_AT@ -- "$self" 2>/dev/null | head -c @APP_SIZE@ >"$new/app.js" 2>/dev/null
    check "$new/app.js" @APP_SIZE@ @APP_SHA@
    DENO_DIR=$new/deno "$runtime/realm" @FLAGS@ "$new/app.js" "$new/app" 2>/dev/null || die "cannot unpack into $cache (is the disk full?); set REALM_CACHE_DIR to a directory with 120 MB free"
    place "$new/app" "$app"
  fi
  rm -rf -- "$new"
  trap - EXIT HUP INT TERM
  umask "$mask"
}

# A file that is shorter than it should be was cut by a full disk, or this file itself is.
check() {
  size=$(wc -c <"$1")
  if [ "$((size))" -ne "$2" ]; then
    if [ "$(($(wc -c <"$self")))" -ne @TOTAL@ ]; then die "this file is damaged or incomplete; download it again"; fi
    die "cannot write to the cache $cache (is the disk full?); set REALM_CACHE_DIR to a directory with 120 MB free"
  fi
  if command -v sha256sum >/dev/null 2>&1; then sum=$(sha256sum <"$1")
  elif command -v shasum >/dev/null 2>&1; then sum=$(shasum -a 256 <"$1")
  elif command -v openssl >/dev/null 2>&1; then sum=$(openssl dgst -sha256 -r <"$1")
  else die "one of sha256sum, shasum or openssl is needed for the first start"
  fi
  case $sum in "$3"*) ;; *) die "this file is damaged; download it again" ;; esac
}

# A directory appears whole or not at all. Two first starts at once: the later one finds the other's, which is equal.
place() {
  if [ -d "$2" ]; then return; fi
  if mv -- "$1" "$2" 2>/dev/null; then rm -rf -- "$2/${1##*/}"; return; fi
  if [ ! -d "$2" ]; then die "cannot write to the cache $cache; set REALM_CACHE_DIR to another directory"; fi
}

if [ ! -f "$runtime/realm" ] || [ ! -f "$app/@MAIN@" ]; then unpack; fi
REALM_EXE=$self DENO_DIR=$cache/deno @ENVIRONMENT@
export REALM_EXE DENO_DIR @ENVIRONMENT_NAMES@
exec "$runtime/realm" @FLAGS@ "$app/@MAIN@" "$@"
exit 126
