#!/bin/bash
# Turns LLVM IR that Swift made for riscv64-none-none-eabi into IR for loongarch64-unknown-linux-gnu: IN to OUT.
# The two have the same data layout and lower C's calling convention to the same IR (ints sign-extended, nothing by value but
# scalars and pointers: Sources/CSystem), so that what names the machine is all that changes: the triple, the CPU and its
# features, the ABI's name. What it does not know it refuses: another layout, RISC-V's intrinsics, assembly text.
set -euo pipefail
in=$1 out=$2
awk -v file="$in" '
  function refuse(why) { print "atoll: " file ": " why > "/dev/stderr"; failed = 1; exit 1 }
  # First reading: what is there.
  NR == FNR {
    if (/^target datalayout = /) {
      layouts++
      if ($0 != "target datalayout = \"e-m:e-p:64:64-i64:64-i128:128-n32:64-S128\"")
        refuse("this data layout is not LoongArch'\''s: " $4)
    } else if (/^target triple = /) {
      triples++
      if ($0 != "target triple = \"riscv64-none-none-eabi\"") refuse("made for " $4 " instead of riscv64-none-none-eabi")
    } else if (/@llvm\.riscv\./) refuse("an intrinsic of RISC-V: " $0)
    else if (/^module asm / || (/ asm / && $0 !~ / asm (sideeffect )?"", /)) refuse("assembly text: " $0)
    else if (/^![0-9]+ = !\{i32 [0-9], !"(riscv-isa|SmallDataLimit)", /) dropped[$1] = 1
    else if (/^![0-9]+ = !\{i32 1, !"target-abi", !"lp64d?"\}/) abis++
    next
  }
  FNR == 1 && (layouts != 1 || triples != 1 || abis != 1) { refuse("not one module with one layout, triple and ABI") }
  # Second reading: what it becomes.
  /^target triple = / { print "target triple = \"loongarch64-unknown-linux-gnu\""; next }
  /^!llvm\.module\.flags = / { for (flag in dropped) { gsub(flag ", ", ""); gsub(", " flag "}", "}") } print; next }
  /^![0-9]+ = / && $1 in dropped { next }
  /"target-abi"/ { sub(/!"lp64d?"/, "!\"lp64d\"") }
  /^attributes #/ { gsub(/ "(target-cpu|tune-cpu|target-features)"="[^"]*"/, "") }
  { print }
  END { if (failed) exit 1 }
' "$in" "$in" > "$out" || { rm -f "$out"; exit 1; }
