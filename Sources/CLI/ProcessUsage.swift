import Foundation

/// What /proc says of a process (proc(5)).
struct ProcessUsage {
  /// Nanoseconds of processor time since its start.
  var processorTime: Int64
  /// Bytes of resident memory, and of those the ones that are the process' own: neither a file's nor shared, which leaves out
  /// its program and guest RAM.
  var resident: Int
  var own: Int

  /// Reads it; nil if the process is gone.
  init?(pid: Int32) {
    guard pid > 0, let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let close = stat.lastIndex(of: ")")
    else { return nil }
    // After the name: state is field 3, utime and stime are fields 14 and 15, in clock ticks.
    let fields = stat[stat.index(after: close)...].split(separator: " ")
    guard fields.count > 12, let user = Int64(fields[11]), let system = Int64(fields[12]) else { return nil }
    processorTime = (user + system) * (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
    let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let values = ProcessUsage.kibibytes(text)
    resident = values["VmRSS"] ?? 0
    own = values["RssAnon"] ?? 0
  }

  private static func kibibytes(_ text: String) -> [String: Int] {
    var values: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count == 3, words[2] == "kB", let number = Int(words[1]) else { continue }
      values[String(words[0].dropLast())] = number * 1024
    }
    return values
  }
}
