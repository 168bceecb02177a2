import Foundation
import Testing

/// Debian's QEMU as somebody else's front-end, with the guest that `atoll guest fetch` makes, driven over its serial console.
final class QEMUGuest {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var seen = ""
  private var asked = 0

  private static var cache: String {
    let environment = ProcessInfo.processInfo.environment
    return (environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache") + "/atoll"
  }

  /// Fails if QEMU, its firmware or the guest is not there.
  private static func require() throws {
    let files = ["qemu-system/run", "qemu-system/usr/share/qemu-efi-loongarch64/QEMU_EFI.fd", "guest/vmlinuz"]
    for file in files {
      try #require(
        FileManager.default.isReadableFile(atPath: "\(cache)/\(file)"),
        "\(file) is not in \(cache): `atoll guest fetch` and `atoll guest fetch --qemu-system` get it")
    }
  }

  /// Boots through UEFI: without its ACPI tables Debian's kernel finds no PCIe.
  init(_ devices: [String]) throws {
    try QEMUGuest.require()
    let memory = "memory-backend-memfd,id=memory,size=1G,share=on"
    process.executableURL = URL(fileURLWithPath: "\(QEMUGuest.cache)/qemu-system/run")
    process.arguments =
      [
        "-M", "virt,memory-backend=memory", "-object", memory, "-m", "1G", "-cpu", "la464", "-nodefaults", "-net",
        "none",
        "-bios", "\(QEMUGuest.cache)/qemu-system/usr/share/qemu-efi-loongarch64/QEMU_EFI.fd", "-nographic",
        "-no-reboot",
        "-serial", "stdio", "-kernel", "\(QEMUGuest.cache)/guest/vmlinuz", "-initrd",
        "\(QEMUGuest.cache)/guest/initramfs.cpio", "-append", "console=ttyS0 quiet",
      ] + devices
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  deinit { process.terminate() }

  /// Waits for `text` on the console, calling `meanwhile` again and again, and returns what came before it since the last
  /// call; nil after `seconds`.
  func wait(for text: String, seconds: Int32 = 300, meanwhile: () -> Void = {}) -> String? {
    let end = Date(timeIntervalSinceNow: Double(seconds))
    while true {
      if let range = seen.range(of: text) {
        defer { seen = String(seen[range.upperBound...]) }
        return String(seen[..<range.lowerBound])
      }
      var entry = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard Date() < end, poll(&entry, 1, 20) >= 0 else { return nil }
      meanwhile()
      guard entry.revents != 0 else { continue }
      let bytes = output.fileHandleForReading.availableData
      guard !bytes.isEmpty else { return nil }
      // As bytes: in a String a carriage return and a line feed are one character.
      seen += String(decoding: bytes.filter { $0 != 0x0d }, as: UTF8.self)
    }
  }

  /// Waits until the guest's shell takes commands.
  func boot() throws { _ = try #require(wait(for: "\n# "), "the guest did not boot: \(seen.suffix(2000))") }

  /// Types a command; `answer` waits for its end.
  func type(_ command: String) {
    asked += 1
    // The mark is not in what the terminal echoes.
    input.fileHandleForWriting.write(Data("\(command); echo MARK$((\(asked)+1000))\n".utf8))
  }

  /// What the last command typed has printed, its echo included.
  func answer(seconds: Int32 = 120, meanwhile: () -> Void = {}) throws -> String {
    let text = wait(for: "MARK\(asked + 1000)\n", seconds: seconds, meanwhile: meanwhile)
    return try #require(text, "no answer: \(seen.suffix(2000))")
  }

  /// Both.
  func run(_ command: String, meanwhile: () -> Void = {}) throws -> String {
    type(command)
    return try answer(meanwhile: meanwhile)
  }

  /// Powers off; QEMU's exit status.
  func powerOff() -> Int32 {
    type("poweroff -f")
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// One of our back-ends, listening at a path for as long as this lives.
final class OurBackEnd {
  private let name: String
  private let options: [String]
  private var process: Process
  let path: String

  init(_ name: String, _ options: [String] = [], in folder: Folder) throws {
    (self.name, self.options, path) = (name, options, "\(folder.path)/\(name)")
    process = try OurBackEnd.start(name, options, path)
  }

  deinit { process.terminate() }

  var isRunning: Bool { process.isRunning }

  /// kill -9, and a successor at the same path.
  func replace() throws {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    process = try OurBackEnd.start(name, options, path)
  }

  private static func start(_ name: String, _ options: [String], _ path: String) throws -> Process {
    let process = Process()
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    process.executableURL = folder.appendingPathComponent(name)
    process.arguments = ["--socket-path=\(path)"] + options
    let left = Date(timeIntervalSinceNow: 10)
    try process.run()
    // A successor removes the socket before it makes its own; QEMU tries again, but only if it ever connected.
    while !FileManager.default.fileExists(atPath: path), Date() < left, process.isRunning { usleep(1000) }
    return process
  }
}
