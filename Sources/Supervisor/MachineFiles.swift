import CSystem
import Control
import System

/// Everything that a machine opens in the file system, opened once and before anything is started.
final class MachineFiles {
  /// The processes' roles, each with its program.
  let programs: [(role: Role, program: Program)]
  /// The virtio functions, in the order of the description.
  let functions: [Function]
  /// Nil with firmware.
  private let kernel: FileDescriptor?
  private let initrd: FileDescriptor?
  /// Boot ROM and all that belongs to it; nil without firmware.
  let firmware: Firmware?

  /// One program file.
  final class Program {
    let file: FileDescriptor
    init(_ file: consuming FileDescriptor) { self.file = file }
  }

  /// Opens the files of `machine`; one sentence for what is missing or unusable.
  init(_ machine: MachineDescription) throws(Ending) {
    let folder = machine.programs ?? Host.programFolder ?? "."
    var programs: [(role: Role, program: Program)] = []
    for role in Role.all(machine) { programs.append((role, Program(try MachineFiles.program(role, in: folder)))) }
    self.programs = programs
    if let description = machine.firmware {
      firmware = try Firmware(description, machine)
      kernel = nil
    } else {
      firmware = nil
      kernel = try MachineFiles.guestFile(machine.kernel, "kernel")
    }
    if let path = machine.initrd {
      initrd = try MachineFiles.guestFile(path, "initial RAM disk")
    } else {
      initrd = nil
    }
    let names = machine.deviceNames
    functions = try machine.devices.indices.map { (index) throws(Ending) in
      try Function(index, names[index], machine.devices[index])
    }
  }

  private static let path: Int32 = 0x20_0000  // O_PATH

  private static func program(_ role: Role, in folder: String) throws(Ending) -> FileDescriptor {
    if let foreign = role.backEnd?.foreign { return try foreignProgram(foreign) }
    let name = role.program ?? ""
    do { return try FileDescriptor.open("\(folder)/\(name)", flags: path) } catch {
      throw Ending(
        .badInput, "the program \(name) cannot be opened in \(printable(folder)): \(Errno.text(error.number))")
    }
  }

  /// A program that is not Atoll's; only so that one that is missing is told of before anything is started.
  private static func foreignProgram(_ program: ForeignProgram) throws(Ending) -> FileDescriptor {
    let whole = (program.root ?? "") + program.path
    do { return try FileDescriptor.open(whole, flags: path) } catch {
      throw Ending(.badInput, "the program \(printable(whole)) cannot be opened: \(Errno.text(error.number))")
    }
  }

  /// A regular file with something in it.
  static func guestFile(
    _ path: String, _ what: StaticString, writable: Bool = false
  ) throws(Ending) -> FileDescriptor {
    let shown = printable(path)
    let file: FileDescriptor
    // O_NONBLOCK: a FIFO must not hold us up.
    do { file = try FileDescriptor.open(path, flags: writable ? 0x802 : 0x800) } catch {
      throw Ending(.badInput, "the \(what.text) \(shown) cannot be opened: \(Errno.text(error.number))")
    }
    guard atoll_is_regular_file(file.raw) == 1 else {
      throw Ending(.badInput, "the \(what.text) \(shown) is not a regular file")
    }
    guard atoll_file_size(file.raw) > 0 else { throw Ending(.badInput, "the \(what.text) \(shown) is empty") }
    return file
  }

  /// A guest file opened once more, so that each loader has a read position of its own.
  static func reopen(_ file: borrowing FileDescriptor) throws(Ending) -> FileDescriptor {
    do { return try FileDescriptor.open("/proc/self/fd/\(file.raw)", flags: 0) } catch {
      throw Ending(host: "opening a guest file again", error)
    }
  }

  /// The kernel, as `reopen`; nil if the machine starts with firmware.
  func reopenKernel() throws(Ending) -> FileDescriptor? {
    switch kernel {
    case .some(let file): return try MachineFiles.reopen(file)
    case .none: return nil
    }
  }

  /// Whether the machine has an initial RAM disk.
  var hasInitrd: Bool { initrd != nil }

  /// The initial RAM disk, as `reopen`; nil if there is none.
  func reopenInitrd() throws(Ending) -> FileDescriptor? {
    switch initrd {
    case .some(let file): return try MachineFiles.reopen(file)
    case .none: return nil
    }
  }
}
