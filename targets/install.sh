#!/bin/sh
# Installs Realm for this machine from where a build was published:
#   curl -fsSL URL/install.sh | sh -s -- URL [DIRECTORY]
# Takes the file for this platform, compares its SHA-256 with SHA256SUMS, and puts it into DIRECTORY
# (default: /usr/local/bin as root, else ~/.local/bin). Nothing is changed when anything is wrong.
set -u
die() { echo "install: $1" >&2; exit 1; }
[ $# -ge 1 ] || die "name the address of the build: sh install.sh URL [DIRECTORY]"
from=${1%/}
if [ $# -ge 2 ]; then into=$2
elif [ "$(id -u)" -eq 0 ]; then into=/usr/local/bin
else into=$HOME/.local/bin
fi
case $(uname -s) in
Linux) system=linux ;;
Darwin) system=darwin ;;
*) die "there is no file for $(uname -s) here; on Windows take realm-VERSION-windows-ARCH.exe" ;;
esac
case $(uname -m) in
x86_64 | amd64) machine=amd64 ;;
aarch64 | arm64) machine=arm64 ;;
*) die "there is no file for the processor $(uname -m)" ;;
esac
if command -v curl >/dev/null 2>&1; then
  fetch() { curl -fsSL -o "$2" "$1"; }
elif command -v wget >/dev/null 2>&1; then
  fetch() { wget -q -O "$2" "$1"; }
else die "curl or wget is needed"
fi
if command -v sha256sum >/dev/null 2>&1; then
  digest() { sha256sum <"$1" | cut -c 1-64; }
elif command -v shasum >/dev/null 2>&1; then
  digest() { shasum -a 256 <"$1" | cut -c 1-64; }
else die "sha256sum or shasum is needed to verify the download"
fi
mkdir -p -- "$into" 2>/dev/null && [ -w "$into" ] || die "cannot write to $into; name another directory as the last argument, or run this as root"
new=$(mktemp -d "$into/.realm.XXXXXX") || die "cannot write to $into (is the disk full?)"
trap 'rm -rf -- "$new"' EXIT
trap 'exit 130' INT TERM HUP
fetch "$from/SHA256SUMS" "$new/sums" || die "cannot fetch $from/SHA256SUMS; is the address right?"
line=$(grep -E "^[0-9a-f]{64}  realm-[0-9A-Za-z.-]+-$system-$machine\$" "$new/sums") || die "the build at $from has no file for $system/$machine"
[ "$(printf '%s\n' "$line" | wc -l)" -eq 1 ] || die "the build at $from has several files for $system/$machine"
wanted=${line%% *}
file=${line##* }
echo "fetching $file"
fetch "$from/$file" "$new/realm" || die "cannot fetch $from/$file"
[ "$(digest "$new/realm")" = "$wanted" ] || die "$file is not the file that SHA256SUMS names: the download is damaged or was tampered with; nothing was installed"
chmod 755 "$new/realm" || die "cannot make $new/realm executable"
said=$("$new/realm" --version 2>&1) || die "$file cannot be executed here: $said"
mv -f -- "$new/realm" "$into/realm" || die "cannot write $into/realm"
echo "$said is installed as $into/realm"
case :$PATH: in *":$into:"*) ;; *) echo "$into is not in your PATH; add it" ;; esac
echo "next: realm init (a new realm) or realm join TOKEN, then realm service install"
