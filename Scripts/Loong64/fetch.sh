#!/bin/bash
# Fetches what the loong64 build needs into .deps/loong64 and installs nothing: clang 21 or newer of Debian forky for this
# machine (a Swift toolchain has no LoongArch code generator), and the C library, the kernel's headers and the static
# libraries of Debian's loong64 port. apt checks every signature; its lists, cache, state and sources are private.
# Usage: fetch.sh; environment: MIRROR, a Debian mirror.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/.deps/loong64
done=$out/done-1
[ -e "$done" ] && exit 0
mirror=${MIRROR:-http://deb.debian.org/debian}
swift=$(dirname "$(readlink -f "$(command -v swiftc)")")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
fail() { echo "atoll: $*" >&2; exit 1; }
[ -e $keyring ] || fail "Debian's keys are missing ($keyring): install debian-archive-keyring"
for tool in apt-get dpkg-deb; do command -v $tool > /dev/null || fail "$tool is missing: this build takes its tools from Debian's archive"; done
# Debian has no static libslirp; `make deps` has fetched the source of the host's.
slirp=$top/.deps/apt/libslirp
[ -e "$slirp/src/slirp.c" ] || fail "the source of libslirp is missing: rm -r .deps/usr/lib/static, then make deps"

rm -rf "$out"
mkdir -p "$out"/{tools,sysroot}

# A private apt for architecture $1, which the calls of apt that follow use.
use_archive() {
  local root=$out/apt-$1
  mkdir -p "$root"/{lists/partial,cache/archives/partial,packages}
  : > "$root/status"
  echo "deb [arch=$1 signed-by=$keyring] $mirror forky main" > "$root/sources.list"
  cat > "$root/apt.conf" <<END
Dir::State "$root"; Dir::State::lists "$root/lists"; Dir::State::status "$root/status"; Dir::Cache "$root/cache";
Dir::Log "$root"; Dir::Etc::sourcelist "$root/sources.list"; Dir::Etc::sourceparts "-";
APT::Architecture "$1"; APT::Architectures { "$1"; }; APT::Sandbox::User "root"; APT::Update::Error-Mode "any";
Acquire::Languages "none"; Acquire::Retries "2"; Debug::NoLocking "1";
END
  export APT_CONFIG=$root/apt.conf
  archive=$root
  apt-get -qq update
}
# The package that matches $1 with the lowest number that is at least $2.
numbered() {
  apt-cache --names-only search "^$1\$" | sed 's/ .*//' | sort -V | awk -v least="$2" '
    { match($0, /[0-9]+/) }
    !found && substr($0, RSTART, RLENGTH) + 0 >= least + 0 { print; found = 1 }'
}

use_archive "$(dpkg --print-architecture)"
clang=$(numbered 'clang-[0-9]+' 21)
echo "atoll: fetching $clang and what it depends on (private, not installed)"
apt-get -qq install -y --download-only --no-install-recommends "$clang" > "$archive/log"
for deb in "$archive"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$out/tools"; done
rm -r "$archive/cache/archives"
# Started through its own C library, because the host's may be older.
loader=usr/lib64/ld-linux-x86-64.so.2
[ -e "$out/tools/$loader" ] || fail "the loong64 build runs on x86_64 machines"
libraries=$(cd "$out/tools" && echo usr/lib/*-linux-gnu)
cat > "$out/clang" <<END
#!/bin/sh
tools=\$(dirname "\$(readlink -f "\$0")")/tools
exec "\$tools/$loader" --library-path "\$tools/$libraries" --argv0 "\$tools/usr/lib/llvm-${clang#clang-}/bin/clang" \\
  "\$tools/usr/lib/llvm-${clang#clang-}/bin/clang" -no-canonical-prefixes \\
  --target=loongarch64-linux-gnu --sysroot="\${tools%/tools}/sysroot" -march=la64v1.0 "\$@"
END
chmod +x "$out/clang"

use_archive loong64
echo "atoll: fetching the C library and nine others of Debian's loong64 (private, not installed)"
(cd "$archive/packages" && apt-get -qq download libc6-dev linux-libc-dev "$(numbered 'libgcc-[0-9]+-dev' 14)" libseccomp-dev \
  libzstd-dev zlib1g-dev libjansson-dev liburing-dev libgio-2.0-dev libpcre2-dev \
  libsysprof-capture-4-dev)
for deb in "$archive"/packages/*.deb; do dpkg-deb -x "$deb" "$out/sysroot"; done
rm -r "$archive/packages"

# Where Package.swift looks for libraries and headers.
usr=$out/sysroot/usr
mkdir -p "$usr/lib/static"
lib=$usr/lib/loongarch64-linux-gnu
cp "$lib"/lib{seccomp,zstd,z,jansson,uring,pcre2-8}.a "$usr/lib/static/"
# This glib asks for the profiler's library, which Package.swift does not know of.
"$swift/llvm-ar" qcsL "$usr/lib/static/libglib-2.0.a" "$lib"/lib{glib-2.0,sysprof-capture-4}.a
cp "$lib/glib-2.0/include/glibconfig.h" "$usr/include/glib-2.0/"
"$here/../libslirp.sh" "$slirp" "$usr" "$archive/libslirp" "$out/clang" "$swift/llvm-ar"
# What stands for the sources of a Swift module beside the first.
printf '' | "$out/clang" -c -x c - -o "$out/empty.o"
touch "$done"
