import System
import DeviceBus

/// The registers of a vCPU as text, four to a line.
enum RegisterText {
  /// LoongArch's names of r0 to r31 (procedure call standard).
  private static var names: [StaticString] {
    [
      "zero", "ra", "tp", "sp", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3",
      "t4", "t5", "t6", "t7", "t8", "u0", "fp", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8",
    ]
  }

  /// The report's lines.
  static func lines(_ report: RegisterReport) -> [String] {
    var all: [(StaticString, UInt64)] = []
    for (index, name) in names.enumerated() { all.append((name, report.gpr[index])) }
    all += [("crmd", report.crmd), ("prmd", report.prmd), ("estat", report.estat), ("era", report.era)]
    all += [("badv", report.badv), ("eentry", report.eentry)]
    var lines = ["vCPU \(report.vcpu): pc \(padded(report.pc))"]
    for start in stride(from: 0, to: all.count, by: 4) {
      var line = ""
      for (name, value) in all[start..<min(start + 4, all.count)] { line += column(name.text) + padded(value) }
      lines.append(line)
    }
    return lines
  }

  private static func column(_ name: String) -> String {
    var text = " "
    for _ in name.utf8.count..<7 { text += " " }
    return text + name + " "
  }

  private static func padded(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    var text = ""
    for _ in digits.utf8.count..<16 { text += "0" }
    return text + digits
  }
}
