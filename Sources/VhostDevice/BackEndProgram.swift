import CSystem
import DeviceBus
import System
import VhostUser

/// What kind of back-end a program is: what `--print-capabilities` says, and the name in its log.
public struct BackEndIdentity: Sendable {
  /// "atoll-block".
  public let name: StaticString
  /// VHostUserBackendType of QEMU's docs/interop/vhost-user.json: "block".
  public let type: StaticString
  /// Features that the schema defines for the type.
  public let features: [StaticString]

  public init(name: StaticString, type: StaticString, features: [StaticString] = []) {
    (self.name, self.type, self.features) = (name, type, features)
  }

  /// The JSON object of `--print-capabilities`.
  var capabilities: String {
    var text = "{\n  \"type\": \"\(type.text)\",\n  \"features\": ["
    for (index, feature) in features.enumerated() { text += "\(index == 0 ? "" : ", ")\"\(feature.text)\"" }
    return text + "]\n}"
  }
}

/// What the `main` of a back-end calls.
///
/// `--socket-path=PATH` listens there for life and serves one front-end after another; `--fd=N` does so on an inherited
/// listening socket, or serves one connected front-end and exits; `--supervised` takes front-ends from the supervisor on
/// descriptor 3. `--print-capabilities` prints and exits. Everything else is the device's ("Backend program conventions").
///
/// SIGTERM has its default action: the process ends at once, and loses nothing, because what is in flight is in the
/// front-end's memory.
public enum BackEndProgram {
  /// Makes the device from the options that are its own, and serves it for good. Each error is one sentence in the log.
  public static func run<Device: VirtioBackEnd & ~Copyable>(
    _ identity: BackEndIdentity, _ make: (inout Options) throws(UsageError) -> Device
  ) -> Never {
    var options = Options.ofProcess()
    if options.flag("--print-capabilities") { printAndExit(identity.capabilities) }
    // Of its own, because the set-up socket is closed when the loop ends.
    var reports = FileDescriptor(owning: -1)
    do throws(BackEndFailure) {
      let socket = try usage { () throws(UsageError) in try FrontEndSocket(&options) }
      if socket.isSupervised {
        reports = FileDescriptor(owning: atoll_dup(Channel.inheritedDescriptor))
      } else {
        // The supervisor has seen to it for its own children, whose sandbox does not let them.
        _ = atoll_obey_termination()
      }
      let device = try makeDevice(&options, make)
      try serve(try DeviceHost(device, name: identity.name.text, requiresSeals: socket.isSupervised), socket)
      Process.exit(0)
    } catch {
      end(error, identity, reports)
    }
  }

  private static func usage<T>(_ body: () throws(UsageError) -> T) throws(BackEndFailure) -> T {
    do throws(UsageError) { return try body() } catch { throw .usage(error) }
  }

  /// Serves `device` on a socket that this makes at `path`, on the calling thread and for good; for a program that is more
  /// than a back-end. Failures end the process with a sentence.
  public static func serve<Device: VirtioBackEnd & ~Copyable>(
    _ identity: BackEndIdentity, _ device: consuming Device, path: String
  ) -> Never {
    do throws(BackEndFailure) {
      try serve(try DeviceHost(device, name: identity.name.text, requiresSeals: false), .path(path))
      Process.exit(0)
    } catch {
      end(error, identity, FileDescriptor(owning: -1))
    }
  }

  private static func makeDevice<Device: VirtioBackEnd & ~Copyable>(
    _ options: inout Options, _ make: (inout Options) throws(UsageError) -> Device
  ) throws(BackEndFailure) -> Device {
    do throws(UsageError) {
      let device = try make(&options)
      try options.requireEmpty()
      return device
    } catch { throw .usage(error) }
  }

  private static func serve<Device: VirtioBackEnd & ~Copyable>(
    _ host: consuming DeviceHost<Device>, _ socket: FrontEndSocket
  ) throws(BackEndFailure) {
    switch socket {
    case .supervised: try serveSupervised(host)
    case .path(let path): try serveAll(host, FileDescriptor(owning: try listen(path)))
    case .descriptor(let raw): try serve(host, FileDescriptor(owning: raw))
    }
  }

  private static func listen(_ path: String) throws(BackEndFailure) -> Int32 {
    let result = path.withUTF8Z { atoll_unix_serve($0) }
    guard result >= 0 else { throw .system(SystemError("listening at the socket path", -result)) }
    return result
  }

  private static func serve<Device: VirtioBackEnd & ~Copyable>(
    _ host: consuming DeviceHost<Device>, _ inherited: consuming FileDescriptor
  ) throws(BackEndFailure) {
    let listens: Bool
    do throws(SystemError) {
      listens = try StreamSocket.isListening(inherited)
      // A connection that vanishes between readiness and accept would hold the process up.
      if listens { _ = try SystemError.check("fcntl", atoll_make_nonblocking(inherited.raw)) }
    } catch { throw .system(error) }
    if listens { try serveAll(host, inherited) } else { try serveOne(host, inherited) }
  }

  private static func serveAll<Device: VirtioBackEnd & ~Copyable>(
    _ host: consuming DeviceHost<Device>, _ listener: consuming FileDescriptor
  ) throws(BackEndFailure) {
    var loop = EventLoop(host, listener: listener)
    while true { try loop.turn() }
  }

  private static func serveOne<Device: VirtioBackEnd & ~Copyable>(
    _ host: consuming DeviceHost<Device>, _ connected: consuming FileDescriptor
  ) throws(BackEndFailure) {
    var loop = EventLoop(host)
    loop.take(VhostConnection(owning: connected))
    while true { try loop.turn() }
  }

  private static func serveSupervised<Device: VirtioBackEnd & ~Copyable>(
    _ host: consuming DeviceHost<Device>
  ) throws(BackEndFailure) {
    let descriptor = FileDescriptor(owning: Channel.inheritedDescriptor)
    let channel = Channel(owning: descriptor)
    let first: Incoming?
    do throws(ChannelError) { first = try channel.receive() } catch { throw .init(error) }
    guard var message = first else { throw .supervisorGone }
    var loop = EventLoop(host, channel: channel)
    try loop.begin(&message)
    while true { try loop.turn() }
  }

  private static func printAndExit(_ text: String) -> Never {
    var line = text + "\n"
    line.withUTF8 { _ = atoll_write(1, $0.baseAddress, UInt($0.count)) }
    Process.exit(0)
  }

  private static func end(
    _ failure: BackEndFailure, _ identity: BackEndIdentity, _ reports: consuming FileDescriptor
  ) -> Never {
    guard failure.status != 0 else { Process.exit(0) }
    Log.line("\(identity.name.text): \(failure.sentence)")
    let message = DeviceFailed(code: UInt32(failure.status), text: failure.sentence)
    // The status says it too: a supervisor that does not read must not hold up the exit.
    if reports.raw >= 0 { try? Channel(owning: reports).send(message, wait: false) }
    Process.exit(failure.status)
  }
}

/// Where front-ends come from, as the options say it.
enum FrontEndSocket {
  case supervised
  /// A path to listen at.
  case path(String)
  /// An inherited socket, listening or connected.
  case descriptor(Int32)

  init(_ options: inout Options) throws(UsageError) {
    let isSupervised = options.flag("--supervised")
    let path = try options.value("--socket-path")
    let number = try options.number("--fd", in: 0...65535)
    switch (isSupervised, path, number) {
    case (true, nil, nil): self = .supervised
    case (false, let path?, nil): self = .path(path)
    case (false, nil, let number?): self = .descriptor(Int32(number))
    default: throw UsageError("one of --socket-path=PATH, --fd=N and --supervised is needed")
    }
  }

  var isSupervised: Bool {
    if case .supervised = self { return true }
    return false
  }
}
