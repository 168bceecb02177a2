import Foundation

/// Linux's headers of LoongArch, as Debian packs them for programs (linux-libc-dev): what the kernel promises, in its own words.
enum KernelHeaders {
  /// What could not be done with them.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Where `atoll guest fetch --kernel-headers` puts them.
  static var folder: URL {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    return URL(fileURLWithPath: cache + "/atoll/kernel-headers/usr/include")
  }

  /// Why they cannot be used, for the report of the skipped tests; nil if they can.
  static var absence: String? {
    FileManager.default.fileExists(atPath: folder.path + "/loongarch64-linux-gnu/asm/kvm.h")
      ? nil
      : "\(folder.path) is missing: `make test` fetches Linux's headers (atoll guest fetch --kernel-headers)"
  }

  /// The values of C's constant expressions, in the order asked for, as a LoongArch64 compiler sees them.
  ///
  /// Compiled to LLVM's intermediate form and no further: that needs neither a C library nor a code generator for
  /// LoongArch, which a Swift toolchain's clang has not got, and yet knows its types, sizes and alignments.
  static func values(of expressions: [String]) throws -> [UInt64] {
    let text = try compile(source(expressions))
    var values = [UInt64?](repeating: nil, count: expressions.count)
    for line in text.split(separator: "\n") {
      guard let match = line.wholeMatch(of: /@value_(\d+) = .*constant i64 (-?\d+), align 8/),
        let index = Int(match.1), let value = Int64(match.2)
      else { continue }
      values[index] = UInt64(bitPattern: value)
    }
    return try zip(expressions, values).map { expression, value in
      guard let value else { throw Failure(description: "clang gave no value of \(expression)") }
      return value
    }
  }

  /// The C file.
  static func source(_ expressions: [String]) -> String {
    let includes = ["linux/version.h", "linux/kvm.h", "asm/kvm.h", "asm/kvm_para.h"].map { "#include <\($0)>\n" }
    // A zero is initialised in another way, and named the same.
    let lines = expressions.enumerated().map { index, expression in
      "const unsigned long long value_\(index) = (unsigned long long)(\(expression));\n"
    }
    return includes.joined() + lines.joined()
  }

  private static func compile(_ source: String) throws -> String {
    let place = FileManager.default.temporaryDirectory.appendingPathComponent("atoll-headers-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    let file = place.appendingPathComponent("constants.c")
    try Data(source.utf8).write(to: file)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "clang", "--target=loongarch64-unknown-linux-gnu", "-nostdinc", "-Wall", "-Werror",
      "-isystem", folder.path + "/loongarch64-linux-gnu", "-isystem", folder.path, "-S", "-emit-llvm", "-o", "-",
      file.path,
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "clang refused the C file: see above")
    }
    return text
  }
}
