import ArgumentParser
import CSystem
import Control
import Foundation
import System

extension TablesChoice: ExpressibleByArgument {
  /// The choice that a person's word names.
  public init?(argument: String) {
    guard let known = TablesChoice.allCases.first(where: { $0.word.description == argument }) else { return nil }
    self = known
  }
  /// The words, for help.
  public static var allValueStrings: [String] { allCases.map { $0.word.description } }
}

extension HypervisorChoice: ExpressibleByArgument {
  /// The choice that a person's word names.
  public init?(argument: String) {
    guard let known = HypervisorChoice.allCases.first(where: { $0.word.description == argument }) else { return nil }
    self = known
  }
  /// The words, for help.
  public static var allValueStrings: [String] { allCases.map { $0.word.description } }
}

/// `atoll run`
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs a machine with its console on this terminal.",
    discussion: """
      Without --kernel it runs what `atoll guest fetch` got. Ctrl-A x quits, Ctrl-A h shows help.

      Exit status: 0 the guest switched off, 1 unusable input, 2 the guest's kernel panicked, 3 a CPU cannot continue, \
      4 a process could not be kept alive, 5 no sandbox on this host, 6 the host ran out of something, 128 + n signal n \
      (Ctrl-A x counts as an interrupt).
      """)

  @Option(help: "A machine description (JSON); the options below change it.") var machine: String?
  @Option(help: "Name of the machine; the first free of guest, guest-2, … if absent.") var name: String?
  @Option(help: "Kernel: vmlinuz (EFI zboot), vmlinux.efi or vmlinux.") var kernel: String?
  @Option(help: "Initial RAM disk; an empty path for none.") var initrd: String?
  @Option(help: "Guest RAM: a number of bytes, or with K, M, G or T.") var memory: ByteCount?
  @Option(help: "Virtual CPUs, 1 to 256.") var cpus: Int?
  @Option(parsing: .unconditional, help: "More for the kernel's command line, behind console=ttyS0.") var append:
    String?
  @Option(help: "What the guest learns its hardware from: acpi or fdt.") var tables: TablesChoice?
  @Option(help: "What runs the CPUs: kvm, soft (a CPU in software), or auto, the best that this host has.")
  var hypervisor: HypervisorChoice?
  @OptionGroup(title: "Devices") var devices: DeviceOptions
  @Option(help: "Start UEFI from these images instead of a kernel: CODE[,VARIABLES].") var firmware: String?
  @Option(help: "Path of the control socket.") var control: String?
  @Option(help: "Folder of Atoll's other programs.") var programs: String?
  @Flag(help: "Show the logs of all processes on standard error.") var verbose = false
  @Flag(help: "Let forbidden system calls happen and log them to the kernel's audit log.") var sandboxLog = false
  @Flag(help: "Run every process without its sandbox. Whoever breaks out of a device owns your account.")
  var insecureNoSandbox = false

  func run() throws {
    let description = try machineDescription()
    let folder = try programs ?? ProgramFolder.find()
    let file = try MemoryFileForChild(description.json)
    var arguments = ["atoll-supervisor", "--machine-fd", "\(file.number)"]
    if let control { arguments += ["--control", control] }
    if verbose { arguments.append("--verbose") }
    if sandboxLog { arguments.append("--sandbox-log") }
    if insecureNoSandbox { arguments.append("--insecure-no-sandbox") }
    try ProgramFolder.execute("\(folder)/atoll-supervisor", arguments)
  }

  private func machineDescription() throws -> MachineDescription {
    var description = try base()
    if let kernel { description.kernel = kernel }
    if let initrd { description.initrd = initrd.isEmpty ? nil : initrd }
    if let memory { description.memory = memory.bytes }
    if let cpus { description.vcpus = cpus }
    if let append { description.commandLine += " " + append }
    if let tables { description.tables = tables }
    if let hypervisor { description.hypervisor = hypervisor }
    if let programs { description.programs = programs }
    try devices.add(to: &description)
    if firmware == nil { description.commandLine += RootDisk.parameter(for: description) }
    if let firmware { description.firmware = try RunCommand.firmware(firmware) }
    if machine == nil || name != nil { description.name = name ?? freeName() }
    do { try description.check() } catch { throw CommandFailure(error.sentence) }
    return description
  }

  private static func firmware(_ text: String) throws -> FirmwareDescription {
    var list = OptionList(text, of: "--firmware")
    let code = try list.first("the path of an image")
    let variables = text.contains(",") ? try list.first("the path of the variables behind the comma") : nil
    try list.finish()
    return FirmwareDescription(code: code, variables: variables)
  }

  /// The given description, or one of the fetched guest.
  private func base() throws -> MachineDescription {
    guard let machine else {
      var description = MachineDescription()
      guard kernel == nil, firmware == nil else { return description }
      guard CacheFolder.has(CacheFolder.kernel), CacheFolder.has(CacheFolder.initrd) else {
        throw CommandFailure("there is no guest yet: run `atoll guest fetch`, or name a kernel with --kernel")
      }
      description.kernel = CacheFolder.kernel.path
      description.initrd = CacheFolder.initrd.path
      return description
    }
    guard let text = FileManager.default.contents(atPath: machine) else {
      throw CommandFailure("the machine description \(machine) cannot be read")
    }
    do { return try MachineDescription.parse([UInt8](text)) } catch { throw CommandFailure(error.sentence) }
  }

  private func freeName() -> String {
    let taken = Set(MachineSockets.running())
    let names = ["guest"] + (2...999).map { "guest-\($0)" }
    return names.first { !taken.contains($0) } ?? "guest"
  }
}

/// Bytes in memory that the next program inherits as an open file.
struct MemoryFileForChild {
  /// The descriptor's number, the same after exec.
  let number: Int32

  init(_ bytes: [UInt8]) throws {
    do throws(SystemError) {
      let file = try MemoryFile.create("atoll-machine", size: bytes.count)
      let mapping = try Mapping.shared(file, size: bytes.count)
      bytes.withUnsafeBytes {
        mapping.base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(mapping.base), byteCount: $0.count)
      }
      number = file.release()
    } catch {
      throw CommandFailure("cannot hand the machine description over: \(error.sentence)", status: 6)
    }
    _ = atoll_set_cloexec(number, 0)
  }
}

/// Where Atoll's other programs are.
enum ProgramFolder {
  /// The Embedded release build if this program lies in a build tree, else the folder of this program.
  static func find() throws -> String {
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let tree = own.appendingPathComponent("../../../.build-embedded/release").standardized
    for folder in [tree, own] {
      let program = folder.appendingPathComponent("atoll-supervisor").path
      if FileManager.default.isExecutableFile(atPath: program) { return folder.path }
    }
    throw CommandFailure(
      "atoll-supervisor is neither in \(own.path) nor in \(tree.path): build it with `make embedded`")
  }

  /// Becomes another program; returns only by throwing.
  static func execute(_ path: String, _ arguments: [String]) throws {
    var list: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    list.append(nil)
    execv(path, list)
    throw CommandFailure("\(path) cannot be started: \(Errno.text(errno))")
  }
}
