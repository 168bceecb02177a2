import System
import VhostUser
import VirtqueueDriver

@testable import VhostDevice

/// One thing that a front-end must not do, and a part of the sentence that says so.
struct Hostile: Sendable, CustomStringConvertible {
  /// How far the front-end got before it.
  enum Stage: Sendable { case fresh, negotiated, shared, running }
  let description: String
  let stage: Stage
  let sentence: String
  let attack: @Sendable (Bench) throws -> Void

  init(_ description: String, _ stage: Stage, _ sentence: String, _ attack: @escaping @Sendable (Bench) throws -> Void)
  {
    (self.description, self.stage, self.sentence, self.attack) = (description, stage, sentence, attack)
  }

  static var all: [Hostile] { framing + features + memory + rings + events + logs + device }

  private static func region(
    _ guest: UInt64, _ size: UInt64, user: UInt64? = nil, offset: UInt64 = 0
  ) -> VhostUser.MemoryRegion {
    VhostUser.MemoryRegion(guestAddress: guest, size: size, userAddress: user ?? guest, fileOffset: offset)
  }

  // MARK: bytes that are no message

  static let framing: [Hostile] = [
    Hostile("version 2", .fresh, "not of vhost-user version 1") {
      try $0.send(VhostOutgoing(request: 1, flags: 3, payload: []))
    },
    Hostile("a reply", .fresh, "have no place here") {
      try $0.send(VhostOutgoing(request: 1, flags: VhostHeader.reply, payload: []))
    },
    Hostile("an unknown flag", .fresh, "have no place here") {
      try $0.send(VhostOutgoing(request: 1, flags: 1 << 9, payload: []))
    },
    Hostile("request 0", .fresh, "request 0 is not known") { try $0.send(VhostOutgoing(request: 0, payload: [])) },
    Hostile("request 200", .fresh, "request 200 is not known") {
      try $0.send(VhostOutgoing(request: 200, payload: []))
    },
    Hostile("a payload where none belongs", .fresh, "which is not its length") {
      try $0.send(VhostOutgoing(request: 1, payload: [0]))
    },
    Hostile("a truncated payload", .fresh, "which is not its length") {
      try $0.send(VhostOutgoing(request: 2, payload: [1, 2, 3]))
    },
    Hostile("a payload of 4 GiB", .fresh, "longer than any message") {
      var message = VhostOutgoing(request: 2, payload: [])
      message.header.payloadSize = .max
      try $0.send(message)
    },
    Hostile("a descriptor with a message without", .fresh, "which is not what it carries") {
      try $0.send(GetFeatures(), [$0.memory.descriptor])
    },
    Hostile("the end in the middle of a message", .fresh, "in the middle of a message") {
      var message = VhostOutgoing(request: 2, payload: [1])
      message.header.payloadSize = 8
      try $0.send(message)
      $0.hangUp()
    },
    Hostile("SET_LOG_BASE", .negotiated, "SET_LOG_BASE: the message is not served here") {
      try $0.send(SetLogBase(size: 1, offset: 0), [$0.memory.descriptor])
    },
    Hostile("POSTCOPY_ADVISE", .negotiated, "not served here") { try $0.send(VhostOutgoing(request: 28, payload: [])) },
    Hostile("an in-band kick", .running, "not served here") { try $0.send(VringKick(index: 0)) },
  ]

  // MARK: features

  static let features: [Hostile] = [
    Hostile("a feature that was not offered", .fresh, "a feature was not offered") { try $0.send(SetFeatures(1 << 5)) },
    Hostile("other features while a ring runs", .running, "features change while a ring runs") {
      try $0.send(SetFeatures(Bench.version1 | Bench.protocolBit | 1))
    },
    Hostile("a protocol feature that was not offered", .fresh, "a protocol feature was not offered") {
      try $0.send(SetProtocolFeatures(1 << 8))
    },
    Hostile("other protocol features while a ring runs", .running, "protocol features change") {
      try $0.send(SetProtocolFeatures(0))
    },
    Hostile("in-band notifications without a channel", .fresh, "without one that it needs") {
      try $0.send(SetProtocolFeatures(1 << 14))
    },
    Hostile("GPA_ADDRESSES and two addresses", .fresh, "two addresses differ") {
      try $0.send(SetProtocolFeatures(ProtocolFeatures.guestAddresses.rawValue))
      try $0.send(SetMemoryTable([region(0, 4096, user: 8192)]), [$0.memory.descriptor])
    },
  ]

  // MARK: memory

  static let memory: [Hostile] = [
    Hostile("fewer descriptors than regions", .negotiated, "which is not what it carries") {
      try $0.send(SetMemoryTable([region(0, 4096), region(8192, 4096)]), [$0.memory.descriptor])
    },
    Hostile("more descriptors than regions", .negotiated, "which is not what it carries") {
      try $0.send(SetMemoryTable([]), [$0.memory.descriptor])
    },
    Hostile("an empty region", .negotiated, "a memory region is empty") {
      try $0.send(SetMemoryTable([region(0, 0)]), [$0.memory.descriptor])
    },
    Hostile("a region that wraps", .negotiated, "a memory region wraps") {
      try $0.send(SetMemoryTable([region(.max - 4095, 8192)]), [$0.memory.descriptor])
    },
    Hostile("a file offset that wraps", .negotiated, "a memory region wraps") {
      try $0.send(SetMemoryTable([region(0, 8192, offset: .max - 100)]), [$0.memory.descriptor])
    },
    Hostile("regions that overlap", .negotiated, "two memory regions overlap") {
      try $0.send(SetMemoryTable([region(0, 8192), region(4096, 8192)]), [$0.memory.descriptor, $0.memory.descriptor])
    },
    Hostile("a region larger than its file", .negotiated, "ends before the region does") {
      try $0.send(SetMemoryTable([region(0, 2 << 20)]), [$0.memory.descriptor])
    },
    Hostile("a region of 2^62 bytes", .negotiated, "memory region") {
      try $0.send(SetMemoryTable([region(0, 1 << 62)]), [$0.memory.descriptor])
    },
    Hostile("a pipe for memory", .negotiated, "memory region") {
      let pipe = try TestPipe()
      try $0.send(SetMemoryTable([region(0, 4096)]), [pipe.reading.raw])
    },
    Hostile("an eventfd for memory", .negotiated, "memory region") {
      let counter = try EventCounter()
      try $0.send(SetMemoryTable([region(0, 4096)]), [counter.descriptor.raw])
    },
    Hostile("memory that can shrink", .negotiated, "can still shrink") {
      let file = try FileDescriptor.open("/proc/self/exe", flags: 0)
      try $0.send(SetMemoryTable([region(0, 4096)]), [file.raw])
    },
    Hostile("ADD_MEM_REG without negotiation", .fresh, "was not negotiated") {
      try $0.send(AddMemoryRegion(region(0, 4096)), [$0.memory.descriptor])
    },
    Hostile("the same region twice", .shared, "overlap") {
      try $0.send(AddMemoryRegion(region($0.memory.guestAddress, 4096)), [$0.memory.descriptor])
    },
    Hostile("more regions than slots", .negotiated, "more memory regions than it may") {
      for i in 0..<40 { try? $0.send(AddMemoryRegion(region(UInt64(i) << 16, 4096)), [$0.memory.descriptor]) }
    },
    Hostile("an unknown region removed", .shared, "that is not there") {
      try $0.send(RemoveMemoryRegion(region(0, 4096)))
    },
  ]

  // MARK: rings

  private static func address(_ index: UInt32, _ at: UInt64) -> SetVringAddress {
    SetVringAddress(index: index, descriptors: at, used: at + 4096, available: at + 8192)
  }

  static let rings: [Hostile] = [
    Hostile("a ring that does not exist", .negotiated, "ring 2: the device has no such ring") {
      try $0.send(SetVringSize(index: 2, number: 16))
    },
    Hostile("ring 2^32 - 1", .negotiated, "a ring's index is above 255") {
      try $0.send(SetVringSize(index: .max, number: 16))
    },
    Hostile("a ring of 0 entries", .negotiated, "a ring's size is not") {
      try $0.send(SetVringSize(index: 0, number: 0))
    },
    Hostile("a ring of 65536 entries", .negotiated, "a ring's size is not") {
      try $0.send(SetVringSize(index: 0, number: 65536))
    },
    Hostile("a ring larger than the device's", .negotiated, "more entries than the device takes") {
      try $0.send(SetVringSize(index: 0, number: 128))
    },
    Hostile("a split ring of 48 entries", .shared, "no power of two") {
      try $0.send(SetVringSize(index: 0, number: 48))
      try $0.send(address(0, $0.memory.guestAddress))
      try $0.kick(0)
    },
    Hostile("a start without size", .shared, "without size or address") {
      try $0.send(address(0, $0.memory.guestAddress))
      try $0.kick(0)
    },
    Hostile("a start without address", .shared, "without size or address") {
      try $0.send(SetVringSize(index: 0, number: 16))
      try $0.kick(0)
    },
    Hostile("a start without memory", .negotiated, "outside guest memory") {
      try $0.send(SetVringSize(index: 0, number: 16))
      try $0.send(address(0, $0.memory.guestAddress))
      try $0.kick(0)
    },
    Hostile("a ring outside memory", .shared, "outside guest memory") {
      try $0.send(SetVringSize(index: 0, number: 16))
      try $0.send(address(0, 4096))
      try $0.kick(0)
    },
    Hostile("a ring over the end of memory", .shared, "outside guest memory") {
      try $0.send(SetVringSize(index: 0, number: 64))
      try $0.send(address(0, $0.memory.guestAddress + UInt64($0.memory.size) - 64))
      try $0.kick(0)
    },
    Hostile("a ring whose parts are not aligned", .shared, "not aligned") {
      try $0.send(SetVringSize(index: 0, number: 16))
      try $0.send(address(0, $0.memory.guestAddress + 1))
      try $0.kick(0)
    },
    Hostile("a driver without VERSION_1", .fresh, "without VERSION_1") {
      try $0.shareMemory()
      try $0.send(SetVringSize(index: 0, number: 16))
      try $0.send(address(0, $0.memory.guestAddress))
      try $0.kick(0)
    },
    Hostile("logged writes", .shared, "which was not offered") {
      try $0.send(SetVringAddress(index: 0, flags: 1, descriptors: 0, used: 0, available: 0))
    },
    Hostile("a running ring resized", .running, "its set-up changes while it runs") {
      try $0.send(SetVringSize(index: 0, number: 16))
    },
    Hostile("a running ring rebased", .running, "its set-up changes while it runs") {
      try $0.send(SetVringBase(index: 0, number: 5))
    },
    Hostile("a running ring moved", .running, "it moves while it runs") {
      try $0.send(address(0, $0.memory.guestAddress))
    },
    Hostile("a ring neither enabled nor disabled", .shared, "neither enabled nor disabled") {
      try $0.send(SetVringEnable(index: 0, number: 2))
    },
    Hostile("the base of a ring that does not exist", .shared, "no such ring") { try $0.send(GetVringBase(index: 7)) },
  ]

  // MARK: eventfds

  static let events: [Hostile] = [
    Hostile("a kick without its descriptor", .running, "which is not what it carries") {
      try $0.send(SetVringKick(index: 0, hasDescriptor: true))
    },
    Hostile("a kick with a descriptor too many", .running, "which is not what it carries") {
      let counter = try EventCounter()
      try $0.send(SetVringKick(index: 0, hasDescriptor: false), [counter.descriptor.raw])
    },
    Hostile("a kick with a flag above bit 8", .running, "a bit above 8") { try $0.send(SetVringKick(value: 0x300)) },
    Hostile("a pipe for a kick", .running, "no eventfd") {
      let pipe = try TestPipe()
      try $0.send(SetVringKick(index: 0, hasDescriptor: true), [pipe.reading.raw])
    },
    Hostile("a pipe for a call", .running, "no eventfd") {
      let pipe = try TestPipe()
      try $0.send(SetVringCall(index: 0, hasDescriptor: true), [pipe.writing.raw])
    },
    Hostile("a file for an error", .running, "no eventfd") {
      try $0.send(SetVringError(index: 0, hasDescriptor: true), [$0.memory.descriptor])
    },
  ]

  // MARK: in-flight log

  private static func log(_ size: UInt64, queues: UInt16 = 2, entries: UInt16 = 64, offset: UInt64 = 0) -> SetInflight {
    SetInflight(VhostUser.InflightArea(size: size, offset: offset, queues: queues, ringSize: entries))
  }

  static let logs: [Hostile] = [
    Hostile("a log that was not negotiated", .fresh, "was not negotiated") {
      try $0.send(log(4096), [$0.memory.descriptor])
    },
    Hostile("a log without memory", .negotiated, "which is not what it carries") { try $0.send(log(4096)) },
    Hostile("an empty log", .negotiated, "the in-flight log is empty") { try $0.send(log(0), [$0.memory.descriptor]) },
    Hostile("a log that wraps", .negotiated, "wraps") { try $0.send(log(.max, offset: 1), [$0.memory.descriptor]) },
    Hostile("a log without rings", .negotiated, "has no rings") {
      try $0.send(log(4096, queues: 0), [$0.memory.descriptor])
    },
    Hostile("a log beyond its file", .negotiated, "in-flight log") {
      try $0.send(log(4096, offset: 1 << 20), [$0.memory.descriptor])
    },
    Hostile("a pipe for a log", .negotiated, "in-flight log") {
      let pipe = try TestPipe()
      try $0.send(log(4096), [pipe.reading.raw])
    },
    Hostile("a log too small for the ring", .shared, "log does not describe this ring") {
      let memory = try DriverMemory(size: 4096)
      try $0.send(log(64, queues: 1), [memory.descriptor])
      try $0.start(try TestRing($0.memory))
    },
    Hostile("a log of smaller rings", .shared, "log does not describe this ring") {
      let memory = try DriverMemory(size: 4096)
      try $0.send(log(4096, entries: 8), [memory.descriptor])
      try $0.start(try TestRing($0.memory))
    },
    Hostile("a new log while a ring runs", .running, "changes while a ring runs") {
      try $0.send(log(4096), [$0.memory.descriptor])
    },
    Hostile("a log for more rings than the device has", .negotiated, "more or larger rings") {
      try $0.send(GetInflight(VhostUser.InflightArea(size: 0, offset: 0, queues: 3, ringSize: 64)))
    },
  ]

  // MARK: the device

  static let device: [Hostile] = [
    Hostile("configuration space without negotiation", .fresh, "was not negotiated") {
      try $0.send(GetConfig(offset: 0, size: 8))
    },
    Hostile("configuration space beyond 256 bytes", .negotiated, "ends beyond 256 bytes") {
      try $0.send(GetConfig(offset: 250, size: 8))
    },
    Hostile("no configuration space", .negotiated, "is empty") {
      try $0.send(GetConfig(offset: 0, size: 0, bytes: []))
    },
    Hostile("a write to configuration space with flags 2", .negotiated, "neither 0 nor 1") {
      try $0.send(SetConfig(offset: 0, size: 1, flags: 2, bytes: [0]))
    },
    Hostile("a write beyond the device's fields", .negotiated, "read-only field") {
      try $0.send(SetConfig(offset: 3, bytes: [1, 2, 3, 4, 5, 6, 7, 8]))
    },
    Hostile("a status of 9 bits", .negotiated, "more than 8 bits") { try $0.send(SetStatus(256)) },
    Hostile("a status without negotiation", .fresh, "was not negotiated") { try $0.send(SetStatus(1)) },
    Hostile("a reset without negotiation", .fresh, "was not negotiated") { try $0.send(ResetDevice()) },
    Hostile("a state transfer in phase 1", .negotiated, "does not exist") {
      var message = SetDeviceState(.save)
      message.phase = 1
      try $0.send(message, [$0.memory.descriptor])
    },
    Hostile("a state transfer without pipe", .negotiated, "which is not what it carries") {
      try $0.send(SetDeviceState(.load))
    },
    Hostile("a channel without socket", .negotiated, "which is not what it carries") {
      try $0.send(SetBackEndChannel())
    },
  ]
}

extension Bench {
  /// SET_VRING_KICK with an eventfd of its own.
  func kick(_ index: UInt32) throws {
    let counter = try EventCounter()
    try send(SetVringKick(index: index, hasDescriptor: true), [counter.descriptor.raw])
  }

  /// The front-end's process is gone.
  func hangUp() {
    frontEnd = VhostConnection(owning: FileDescriptor(owning: -1))
    settle()
  }
}
