import Foundation

/// One run of a program of the host.
struct HostProgram {
  private let name: String
  private let arguments: [String]
  private let folder: URL
  private let environment: [String: String]

  /// A program found in the usual folders, or a path, run in `folder` with `environment` added to a plain one.
  init(_ name: String, _ arguments: [String], folder: URL, environment: [String: String] = [:]) {
    self.name = name
    self.arguments = arguments
    self.folder = folder
    self.environment = environment
  }

  struct Result {
    var status: Int32
    var output: String
    var errors: String
  }

  /// Runs it to its end. apt's progress lines ("dlstatus:…") go to `progress` as percent, the rest is kept.
  func run(progress: (Double) -> Void) throws -> Result {
    var kept = ""
    var result = try run { line in
      if let percent = HostProgram.percent(line) { progress(percent) } else { kept += line + "\n" }
    }
    result.output = kept
    return result
  }

  /// Runs it to its end and gives each line of its output, which is not kept, to `line`.
  func run(line: (String) -> Void) throws -> Result {
    let output = Pipe()
    return try run(output: output) { HostProgram.drain(output.fileHandleForReading, line) }
  }

  /// Runs it to its end with its output in a file.
  func run(into file: URL) throws -> Result {
    guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
      throw FetchError.diskFull(file.deletingLastPathComponent().path)
    }
    return try run(output: FileHandle(forWritingTo: file)) {}
  }

  private func run(output: Any, _ whileItRuns: () -> Void) throws -> Result {
    let child = Process()
    child.executableURL = try HostProgram.find(name)
    child.arguments = arguments
    child.currentDirectoryURL = folder
    child.environment = plainEnvironment
    child.standardInput = FileHandle.nullDevice
    child.standardOutput = output
    // Errors go to a file: two pipes read one after the other can block the child.
    let errorFile = folder.appendingPathComponent("errors.log")
    guard FileManager.default.createFile(atPath: errorFile.path, contents: nil) else {
      throw FetchError.diskFull(folder.path)
    }
    child.standardError = try FileHandle(forWritingTo: errorFile)
    try child.run()
    Interruption.forward(to: child.processIdentifier)
    whileItRuns()
    child.waitUntilExit()
    Interruption.forward(to: 0)
    let errors = (try? String(contentsOf: errorFile, encoding: .utf8)) ?? ""
    return Result(status: child.terminationStatus, output: "", errors: errors)
  }

  private var plainEnvironment: [String: String] {
    var all = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": folder.path]
    for name in ["http_proxy", "https_proxy", "no_proxy"] {
      all[name] = ProcessInfo.processInfo.environment[name]
    }
    return all.merging(environment) { $1 }
  }

  private static func find(_ name: String) throws -> URL {
    if name.hasPrefix("/") { return URL(fileURLWithPath: name) }
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    let paths = folders.map { "\($0)/\(name)" }
    guard let path = paths.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      throw FetchError.noProgram(name)
    }
    return URL(fileURLWithPath: path)
  }

  private static func drain(_ pipe: FileHandle, _ line: (String) -> Void) {
    var rest = Data()
    while case let data = pipe.availableData, !data.isEmpty {
      rest.append(data)
      while let newline = rest.firstIndex(of: 0x0a) {
        line(String(decoding: rest[rest.startIndex..<newline], as: UTF8.self))
        rest.removeSubrange(rest.startIndex...newline)
      }
    }
    if !rest.isEmpty { line(String(decoding: rest, as: UTF8.self)) }
  }

  /// apt's status lines are "dlstatus:item:percent:words" (apt's README.progress-reporting).
  private static func percent(_ line: String) -> Double? {
    guard line.hasPrefix("dlstatus:") else { return nil }
    let parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
    return parts.count > 2 ? Double(parts[2]) : nil
  }
}
