#!/bin/bash
# Compiles libslirp, of which Debian has no static library, from Debian's source package.
# Usage: libslirp.sh SOURCE USR OBJECTS CC AR: the unpacked source, where glib's headers are and the result goes, a folder to
# work in, and the tools.
set -euo pipefail
source=$1 usr=$2 objects=$3 cc=$4 ar=$5
rm -rf "$objects"
mkdir -p "$objects" "$usr/include/slirp"
version=$(cat "$source/.tarball-version" 2> /dev/null || sed -n "s/^ *version : '\(.*\)',/\1/p" "$source/meson.build" | head -1)
IFS=. read -r major minor micro <<< "$version"
sed -e "s/@SLIRP_MAJOR_VERSION@/$major/; s/@SLIRP_MINOR_VERSION@/$minor/; s/@SLIRP_MICRO_VERSION@/$micro/" \
  -e "s/@SLIRP_VERSION_STRING@/\"$version\"/" "$source/src/libslirp-version.h.in" > "$source/src/libslirp-version.h"
flags=(-c -O2 -fPIC -ffunction-sections -fdata-sections -w '-DG_LOG_DOMAIN="Slirp"' -DBUILDING_LIBSLIRP
  -I"$source/src" -I"$usr/include/glib-2.0")
cd "$objects"
for file in "$source"/src/*.c; do "$cc" "${flags[@]}" "$file"; done
# It asks CSlirp for the host's name server instead of reading /etc/resolv.conf, which its sandbox does not have.
"$cc" "${flags[@]}" -Dget_dns_addr=slirp_file_dns_addr -Dget_dns6_addr=slirp_file_dns6_addr "$source/src/slirp.c"
rm -f "$usr/lib/static/libslirp.a"
"$ar" rcs "$usr/lib/static/libslirp.a" ./*.o
cp "$source/src/libslirp.h" "$source/src/libslirp-version.h" "$usr/include/slirp/"
