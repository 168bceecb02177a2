import Foundation
import Testing

/// What becomes of LLVM IR on its way from RISC-V to LoongArch (Scripts/Loong64/retarget.sh). Needs no build.
@Suite struct RetargetTests {
  private static let sample = """
    ; ModuleID = 'Sample.ll'
    source_filename = "riscv64-none-none-eabi"
    target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
    target triple = "riscv64-none-none-eabi"

    @name = constant [8 x i8] c"riscv64\\00"

    define swiftcc i64 @twice(i64 %0) #0 {
      %2 = shl i64 %0, 1
      tail call void asm sideeffect "", "~{memory}"()
      ret i64 %2
    }

    attributes #0 = { nounwind "frame-pointer"="all" "target-cpu"="generic-rv64" "target-features"="+64bit,+a,+m" "no-trapping-math"="true" }

    !llvm.module.flags = !{!0, !1, !2, !4, !5}
    !0 = !{i32 1, !"wchar_size", i32 4}
    !1 = !{i32 1, !"target-abi", !"lp64"}
    !2 = !{i32 6, !"riscv-isa", !3}
    !3 = !{!"rv64i2p1_m2p0"}
    !4 = !{i32 8, !"PIC Level", i32 2}
    !5 = !{i32 8, !"SmallDataLimit", i32 0}

    """

  /// Status and errors of the script, and what it wrote.
  private func retarget(_ text: String) throws -> (status: Int32, errors: String, result: String?) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-retarget-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (input, output) = (folder.appendingPathComponent("in.ll"), folder.appendingPathComponent("out.ll"))
    try Data(text.utf8).write(to: input)
    let run = try Loong64Build.run(Loong64Build.scripts + "/retarget.sh", [input.path, output.path])
    return (run.status, run.errors, try? String(decoding: Data(contentsOf: output), as: UTF8.self))
  }

  @Test func moduleForRISCV_becomesOneForLoongArch_andNothingElseChanges() throws {
    let result = try #require(try retarget(Self.sample).result)
    let expected = Self.sample
      .replacing(
        "target triple = \"riscv64-none-none-eabi\"", with: "target triple = \"loongarch64-unknown-linux-gnu\""
      )
      .replacing(" \"target-cpu\"=\"generic-rv64\" \"target-features\"=\"+64bit,+a,+m\"", with: "")
      .replacing("!\"lp64\"", with: "!\"lp64d\"")
      .replacing("!{!0, !1, !2, !4, !5}", with: "!{!0, !1, !4}")
      .replacing("!2 = !{i32 6, !\"riscv-isa\", !3}\n", with: "")
      .replacing("!5 = !{i32 8, !\"SmallDataLimit\", i32 0}\n", with: "")
    #expect(result == expected)
  }

  struct Refusal: Sendable {
    let old, new, reason: String
  }

  @Test(arguments: [
    Refusal(old: "e-m:e-p:64:64", new: "e-m:e-p:32:32", reason: "this data layout is not LoongArch's"),
    Refusal(old: "-S128\"", new: "-S64\"", reason: "this data layout is not LoongArch's"),
    Refusal(
      old: "triple = \"riscv64-none-none-eabi\"", new: "triple = \"x86_64-unknown-linux-gnu\"", reason: "made for"),
    Refusal(old: "ret i64 %2", new: "call void @llvm.riscv.pause()\n  ret i64 %2", reason: "an intrinsic of RISC-V"),
    Refusal(old: "asm sideeffect \"\"", new: "asm sideeffect \"fence\"", reason: "assembly text"),
    Refusal(old: "target triple", new: "module asm \"nop\"\ntarget triple", reason: "assembly text"),
    Refusal(old: "target datalayout", new: ";", reason: "not one module"),
    Refusal(old: "!\"lp64\"", new: "!\"ilp32\"", reason: "not one module"),
  ]) func moduleOfAnotherKind_isRefusedWithAReasonAndWithoutResult(change: Refusal) throws {
    let run = try retarget(Self.sample.replacing(change.old, with: change.new))
    #expect(run.status == 1)
    #expect(run.errors.contains(change.reason), "\(run.errors)")
    #expect(run.result == nil)
  }
}
