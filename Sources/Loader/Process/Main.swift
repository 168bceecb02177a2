import DeviceBus
import LoaderCore
import Machine
import System

/// One shot: takes the `load` message, puts the guest into its RAM, answers and ends.
@main struct Main {
  static func main() {
    let channel = Channel(owning: FileDescriptor(owning: Channel.inheritedDescriptor))
    do throws(ProcessFailure) {
      let entry = try serve(channel)
      try answer(Loaded(entry: entry), on: channel)
      Process.exit(0)
    } catch {
      Log.line("atoll-loader: \(error.sentence)")
      if case .load = error { try? channel.send(LoadFailed(text: error.sentence)) }
      Process.exit(1)
    }
  }

  private static func serve(_ channel: borrowing Channel) throws(ProcessFailure) -> BootEntry {
    var message = try first(channel)
    if message.request == .loadFirmware { return try prepareFirmware(&message) }
    let request: Load = try decode(message)
    let ram = try take(0, from: &message)
    let kernel = try take(1, from: &message)
    let initrd = request.hasInitrd ? try take(2, from: &message) : nil
    do throws(SystemError) { try SecondPhase.enter(&message) } catch { throw .sandbox(error) }
    do throws(LoadError) {
      return try load(request, ram: ram, kernel: kernel, initrd: initrd)
    } catch {
      throw .load(error)
    }
  }

  private static func first(_ channel: borrowing Channel) throws(ProcessFailure) -> Incoming {
    do throws(ChannelError) {
      guard let message = try channel.receive() else { throw .closed }
      return message
    } catch {
      throw .channel(error)
    }
  }

  private static func prepareFirmware(_ message: inout Incoming) throws(ProcessFailure) -> BootEntry {
    let request: LoadFirmware = try decode(message)
    let ram = try take(0, from: &message)
    do throws(SystemError) { try SecondPhase.enter(&message) } catch { throw .sandbox(error) }
    let shape = MachineShape(
      vcpus: Int(request.vcpus), ramBytes: request.ramBytes, deviceTree: true, commandLine: [])
    do throws(LoadError) {
      let memory = try GuestMemory(ram, bytes: request.ramBytes)
      return boot(try Loader.prepareFirmware(shape, into: memory))
    } catch {
      throw .load(error)
    }
  }

  private static func boot(_ entry: EntryPoint) -> BootEntry {
    BootEntry(pc: entry.pc, a0: entry.a0, a1: entry.a1, a2: entry.a2, parkAddress: entry.park)
  }

  private static func decode<M: Message>(_ message: borrowing Incoming) throws(ProcessFailure) -> M {
    do throws(MessageError) { return try message.decode() } catch { throw .channel(.malformed(error)) }
  }

  private static func take(_ index: Int, from message: inout Incoming) throws(ProcessFailure) -> FileDescriptor {
    do throws(MessageError) { return try message.take(index) } catch { throw .channel(.malformed(error)) }
  }

  private static func load(
    _ request: Load, ram: borrowing FileDescriptor, kernel: consuming FileDescriptor,
    initrd: consuming FileDescriptor?
  ) throws(LoadError) -> BootEntry {
    let shape = MachineShape(
      vcpus: Int(request.vcpus), ramBytes: request.ramBytes, deviceTree: request.tables == .deviceTree,
      commandLine: request.commandLine)
    let memory = try GuestMemory(ram, bytes: request.ramBytes)
    let kernelFile = try ImageFile("kernel", kernel)
    let initrdFile = try file("initrd", initrd)
    return boot(try Loader.load(shape, into: memory, kernel: kernelFile, initrd: initrdFile))
  }

  private static func file(
    _ what: StaticString, _ descriptor: consuming FileDescriptor?
  ) throws(LoadError) -> ImageFile? {
    guard let descriptor else { return nil }
    return try ImageFile(what, descriptor)
  }

  private static func answer<M: Message>(_ message: M, on channel: borrowing Channel) throws(ProcessFailure) {
    do throws(SystemError) { try channel.send(message) } catch { throw .channel(.system(error)) }
  }
}

/// Why the loader ends with status 1.
enum ProcessFailure: Error {
  /// The supervisor is gone or broke the protocol.
  case channel(ChannelError)
  /// The second phase of the sandbox could not be entered.
  case sandbox(SystemError)
  /// The guest cannot be loaded: the one failure that is reported to the supervisor.
  case load(LoadError)

  var sentence: String {
    switch self {
    case .channel(let error): error.sentence
    case .sandbox(let error): "the sandbox could not be completed: \(error.sentence)"
    case .load(let error): error.sentence
    }
  }
}
