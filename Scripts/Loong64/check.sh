#!/bin/bash
# Whether a program is what a LoongArch64 host can start on its own: static, position-independent, LP64D, every symbol resolved,
# nothing of RISC-V in it. Usage: check.sh PROGRAM (not stripped). One sentence for what is wrong.
set -euo pipefail
program=$1
refuse() { echo "atoll: $program $*" >&2; exit 1; }
swift=$(dirname "$(readlink -f "$(command -v swiftc)")")
# A field of the ELF header (System V gABI, chapter 4): offset and size.
field() { od -An -v -t "u$2" -j "$1" -N "$2" "$program" | tr -d ' '; }
[ -s "$program" ] || refuse "is missing or empty"
[ "$(od -An -t x1 -N 6 "$program" | tr -d ' ')" = 7f454c460201 ] || refuse "is no little-endian 64-bit ELF file"
[ "$(field 18 2)" = 258 ] || refuse "is for machine $(field 18 2) instead of LoongArch (258)"
# LoongArch ELF psABI, e_flags: base ABI 3 = LP64D, object file ABI 1.
[ "$(field 48 4)" = $((0x43)) ] || refuse "has the flags $(field 48 4) instead of LP64D's with object ABI 1 (67)"
[ "$(field 16 2)" = 3 ] || refuse "cannot be loaded at any address: no static-pie"
headers=$("$swift/llvm-objdump" -p "$program" 2> /dev/null)
grep -q '^ *INTERP ' <<< "$headers" && refuse "asks for a dynamic loader"
grep -q '^ *NEEDED ' <<< "$headers" && refuse "asks for a shared library"
# What a loader would have to find; the linker has refused everything else that is undefined.
missing=$("$swift/llvm-nm" --dynamic --undefined-only "$program" 2> /dev/null | grep ' U ' || true)
[ -z "$missing" ] || refuse "has unresolved symbols: $missing"
if "$swift/llvm-objdump" -h "$program" | grep -q '\.riscv'; then refuse "holds sections of RISC-V"; fi
