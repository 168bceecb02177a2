import Foundation

/// What /proc says of processes (proc(5)).
enum ProcessFigures {
  /// A process' memory in bytes.
  struct Memory {
    var resident = 0
    /// Shared pages divided by those who share them.
    var proportional = 0
    /// Changed pages that no other process maps. Unchanged ones are the program's file in the page cache, private only
    /// while no second machine runs.
    var own = 0
  }

  /// Children, their children and so on.
  static func descendants(of pid: Int32) -> [Int32] {
    var parents: [Int32: [Int32]] = [:]
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let child = Int32(entry), let fields = stat(child), let parent = Int32(fields[1]) else { continue }
      parents[parent, default: []].append(child)
    }
    var found: [Int32] = []
    var open = [pid]
    while let next = open.popLast() {
      let children = parents[next] ?? []
      found += children
      open += children
    }
    return found
  }

  /// The fields of /proc/PID/stat from the state on.
  private static func stat(_ pid: Int32) -> [Substring]? {
    guard let text = read("/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    return fields.count > 12 ? fields : nil
  }

  /// Nanoseconds of processor time of all threads: /proc/PID/task/TID/schedstat, which counts nanoseconds where
  /// stat counts hundredths of a second.
  static func processorTime(_ pids: [Int32]) -> Int64 {
    pids.reduce(0) { sum, pid in
      let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
      return sum + threads.reduce(0) { $0 + (scheduled(pid, $1) ?? 0) }
    }
  }

  private static func scheduled(_ pid: Int32, _ thread: String) -> Int64? {
    read("/proc/\(pid)/task/\(thread)/schedstat").flatMap { $0.split(separator: " ").first }.flatMap { Int64($0) }
  }

  /// Memory without mappings that `isGuestMemory` says to leave out; nil if the process is gone or not readable.
  static func memory(_ pid: Int32, without isGuestMemory: (_ name: String, _ size: Int) -> Bool = { _, _ in false })
    -> Memory?
  {
    guard let text = read("/proc/\(pid)/smaps") else { return nil }
    var memory = Memory()
    var isCounted = true
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      if let range = mapping(words) {
        isCounted = !isGuestMemory(words.count > 5 ? words[5...].joined(separator: " ") : "", range)
      } else if isCounted, words.count == 3, let kibibytes = Int(words[1]) {
        add(words[0], kibibytes << 10, to: &memory)
      }
    }
    return memory
  }

  /// The size of the mapping that a line heads; nil for other lines.
  private static func mapping(_ words: [Substring]) -> Int? {
    guard words.count >= 5, let dash = words[0].firstIndex(of: "-"),
      let start = UInt(words[0][..<dash], radix: 16),
      let end = UInt(words[0][words[0].index(after: dash)...], radix: 16)
    else { return nil }
    return Int(end - start)
  }

  private static func add(_ name: Substring, _ bytes: Int, to memory: inout Memory) {
    switch name {
    case "Rss:": memory.resident += bytes
    case "Pss:": memory.proportional += bytes
    case "Private_Dirty:": memory.own += bytes
    default: break
    }
  }

  /// Files of /proc say that they are empty, so they are read to their end.
  private static func read(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[0..<count] }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
