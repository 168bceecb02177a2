#!/bin/bash
# Builds every runtime-free program for LoongArch64 Linux on an x86_64 machine (make loong64): SwiftPM's Embedded build, with
# the two compilers beside this script in place of its own. Result: .build-loong64/atoll-loong64.tar.gz.
# Environment: MIRROR, a Debian mirror.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/.build-loong64
swift=$(dirname "$(readlink -f "$(command -v swiftc)")")
"$here/fetch.sh"

cd "$top"
export ATOLL_EMBEDDED=1 ATOLL_DEPS=$top/.deps/loong64/sysroot/usr SWIFT_EXEC=$here/swiftc CC=$here/clang
# SwiftPM does not know that its compilers are scripts: what older ones made is not kept.
compilers=$(cat "$here"/{fetch.sh,retarget.sh,swiftc,clang} | sha256sum)
if [ "$compilers" != "$(cat "$out/compilers" 2> /dev/null)" ]; then rm -rf "$out"; mkdir -p "$out"; fi
echo "$compilers" > "$out/compilers"
swift build -c release --disable-local-rpath --scratch-path "$out"

# The programs that are no tests or benches.
programs=$(swift package --scratch-path "$out" describe --type json | awk '
  { gsub(/[",]/, "", $3) }
  /"name" : /{ name = $3 }
  /"path" : /{ path = $3 }
  /"type" : /{ if ($3 == "executable" && path ~ /^Sources\//) print name }')
folder=$out/atoll-loong64
rm -rf "$folder"
mkdir -p "$folder/bin"
for program in $programs; do
  "$here/check.sh" "$out/release/$program"
  "$swift/llvm-objcopy" --strip-all "$out/release/$program" "$folder/bin/$program"
done
cp LICENSE "$here/README.txt" "$folder/"
cp -r Examples "$folder/examples"
tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - atoll-loong64 | gzip -n9 > "$out/atoll-loong64.tar.gz"
echo "atoll: $(wc -w <<< "$programs") programs in .build-loong64/atoll-loong64.tar.gz ($(du -h "$out/atoll-loong64.tar.gz" | cut -f1))"
