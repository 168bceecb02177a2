import CSystem
import DeviceBus
import System

/// The three segments of a device with a console, as a supervisor makes them.
struct Segments: ~Copyable {
  let vcpus: Int
  let ring: FileDescriptor
  let page: FileDescriptor
  let console: FileDescriptor
  let interrupt: EventCounter
  let terminal: EventCounter
  let kick: EventCounter

  init(vcpus: Int) throws {
    let ring = try MemoryFile.create("ring", size: AccessRing.segmentSize(vcpus: vcpus))
    let page = try MemoryFile.create("page", size: StatePage.size(vcpus: vcpus))
    let console = try MemoryFile.create("console", size: ConsoleSegment.size)
    let interrupt = try EventCounter()
    let terminal = try EventCounter()
    let kick = try EventCounter()
    self.vcpus = vcpus
    self.ring = ring
    self.page = page
    self.console = console
    self.interrupt = interrupt
    self.terminal = terminal
    self.kick = kick
  }

  /// The supervisor's end of a set-up socket with the attach message in it, and the number of the device's end.
  func attach(incarnation: UInt32, resume: Bool, wake: borrowing EventCounter) throws -> (Supervisor, Int32) {
    let ends = try MessageSocket.pair()
    let supervisor = Supervisor(Channel(owning: FileDescriptor(owning: ends.0)))
    try supervisor.channel.send(
      Attach(deviceIndex: 0, vcpus: UInt32(vcpus), incarnation: incarnation, resume: resume, console: true),
      descriptors: [
        ring.raw, page.raw, wake.descriptor.raw, interrupt.descriptor.raw, console.raw, terminal.descriptor.raw,
        kick.descriptor.raw,
      ])
    return (supervisor, ends.1)
  }
}

/// The supervisor's end of one device's socket.
final class Supervisor: Sendable {
  let channel: Channel
  init(_ channel: consuming Channel) { self.channel = channel }

  /// The requests that have come so far.
  func drain() -> [Request] {
    var requests: [Request] = []
    while let message = try? channel.receive(wait: false) { requests.append(message.request) }
    return requests
  }
}

/// An access as the ring's specification lays it out (Protocols/DeviceBus/README.md), written independently of the module.
struct ScriptedAccess {
  var vcpu: Int
  var region: UInt8
  var offset: UInt32
  var value: UInt64?

  static func head(_ vcpu: Int) -> Int { 128 + vcpu * 2304 }
  static func tail(_ vcpu: Int) -> Int { head(vcpu) + 64 }
  static func slot(_ vcpu: Int, _ sequence: UInt64) -> Int { head(vcpu) + 192 + Int((sequence - 1) % 64) * 32 }

  /// Puts the access into the ring of `base`.
  func send(_ base: UnsafeMutableRawPointer, size: UInt8 = 8) {
    let sequence = base.load(fromByteOffset: Self.head(vcpu), as: UInt64.self) + 1
    let slot = Self.slot(vcpu, sequence)
    base.storeBytes(of: sequence, toByteOffset: slot, as: UInt64.self)
    base.storeBytes(of: region, toByteOffset: slot + 8, as: UInt8.self)
    base.storeBytes(of: size, toByteOffset: slot + 9, as: UInt8.self)
    base.storeBytes(of: value == nil ? 0 : 1, toByteOffset: slot + 10, as: UInt16.self)
    base.storeBytes(of: offset, toByteOffset: slot + 12, as: UInt32.self)
    base.storeBytes(of: value ?? 0, toByteOffset: slot + 16, as: UInt64.self)
    base.storeBytes(of: sequence, toByteOffset: Self.head(vcpu), as: UInt64.self)
  }
}

/// A small generator, so that a failing run can be repeated.
struct Random: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 2 &+ 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_f491_4f6c_dd1d
  }
}
