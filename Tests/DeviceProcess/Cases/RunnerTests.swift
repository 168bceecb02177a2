import DeviceBus
import DeviceProcess
import Glibc
import ProcessSupport
import System
import Testing

/// A fake device in a process, attached as the test likes.
private final class Device {
  let child: Child
  let supervisor: Supervisor

  init() throws {
    let ends = try MessageSocket.pair()
    let other = FileDescriptor(owning: ends.1)
    supervisor = Supervisor(Channel(owning: FileDescriptor(owning: ends.0)))
    child = try Child("fake-device", descriptors: [-1, -1, -1, other.raw])
  }

  /// Attaches to `segments` and returns the answer: ready, or what failed.
  func attach(
    _ segments: borrowing Segments, resume: Bool = false, vcpus: UInt32 = 1, filter: Int32? = nil
  ) throws -> (Request, DeviceFailed?) {
    let wake = try EventCounter()
    try supervisor.channel.send(
      Attach(deviceIndex: 0, vcpus: vcpus, incarnation: 1, resume: resume, console: true),
      descriptors: [
        segments.ring.raw, segments.page.raw, wake.descriptor.raw, segments.interrupt.descriptor.raw,
        segments.console.raw, segments.terminal.descriptor.raw, segments.kick.descriptor.raw,
      ], filter: filter)
    return try answer()
  }

  func answer() throws -> (Request, DeviceFailed?) {
    guard let message = try supervisor.channel.receive() else { throw MessageError.truncated }
    return (message.request, try? message.decode(DeviceFailed.self))
  }
}

@Test func deviceEndsWithStatusZeroWhenTheSupervisorGoes() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  #expect(try device.attach(segments).0 == .deviceReady)
  shutdown(device.supervisor.channel.raw, Int32(SHUT_RDWR))
  #expect(device.child.wait() == .status(0))
}

@Test func deviceEndsWithStatusZeroWhenTheSupervisorGoesBeforeTheFirstMessage() throws {
  let device = try Device()
  shutdown(device.supervisor.channel.raw, Int32(SHUT_RDWR))
  #expect(device.child.wait() == .status(0))
}

@Test func firstMessageOtherThanAttachEndsTheDeviceWithItsReason() throws {
  let device = try Device()
  try device.supervisor.channel.send(QueryDeviceCounters())
  let failed = try device.answer().1
  #expect(failed?.code == 66)
  #expect(failed?.text == "request 3 is not allowed here")
  #expect(device.child.wait() == .status(66))
}

@Test func segmentSmallerThanTheVCPUsNeedEndsTheDevice() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  #expect(try device.attach(segments, vcpus: 200).1?.code == 65)
  #expect(device.child.wait() == .status(65))
}

@Test func secondAttachEndsTheDevice() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  #expect(try device.attach(segments).0 == .deviceReady)
  #expect(try device.attach(segments).1?.code == 66)
}

@Test func resumeFromAPageThatWasNeverPublishedIsAColdStart() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  #expect(try device.attach(segments, resume: true).0 == .deviceReady)
}

enum Damage: CaseIterable {
  case magic, kind, ringAhead, ringBehind, consoleOut, consoleIn, model

  var status: UInt32 { self == .model ? 69 : 68 }
}

@Test(arguments: Damage.allCases) func damagedStatePageIsRefusedWithAReason(damage: Damage) throws {
  let segments = try Segments(vcpus: 1)
  do {
    let first = try Device()
    #expect(try first.attach(segments).0 == .deviceReady)
  }
  let mapping = try Mapping.shared(segments.page, size: StatePage.size(vcpus: 1))
  let page = mapping.base
  let slot = 64 + Int(page.load(fromByteOffset: 24, as: UInt64.self) & 1) * 1152
  switch damage {
  case .magic: page.storeBytes(of: 1, toByteOffset: 0, as: UInt64.self)
  case .kind: page.storeBytes(of: 1, toByteOffset: 12, as: UInt32.self)
  case .ringAhead: page.storeBytes(of: 1, toByteOffset: slot + 1088, as: UInt64.self)
  case .ringBehind: page.storeBytes(of: UInt64.max - 70, toByteOffset: slot + 1088, as: UInt64.self)
  case .consoleOut: page.storeBytes(of: 65537, toByteOffset: slot + 1032, as: UInt64.self)
  case .consoleIn: page.storeBytes(of: 5, toByteOffset: slot + 1024, as: UInt64.self)
  case .model: page.storeBytes(of: 17, toByteOffset: slot + 16, as: UInt64.self)
  }

  let next = try Device()
  let (request, failed) = try next.attach(segments, resume: true)

  #expect(request == .deviceFailed)
  #expect(failed?.code == damage.status)
  #expect(failed?.text.isEmpty == false)
}

@Test func hostEventReachesTheModelAndCountersTellIt() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  #expect(try device.attach(segments).0 == .deviceReady)

  try device.supervisor.channel.send(HostEventMessage(event: 1))
  try device.supervisor.channel.send(HostEventMessage(event: 99))
  try device.supervisor.channel.send(QueryDeviceCounters())

  #expect(try device.answer().0 == .deviceCounters)
  #expect(segments.interrupt.drain() == 1)
}

@Test func idleDeviceUsesNoProcessorTime() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  #expect(try device.attach(segments).0 == .deviceReady)
  let before = device.child.processorTicks()
  _ = try Poll.wait([(-1, Poll.input)], nanoseconds: 200_000_000)
  #expect(device.child.processorTicks() - before <= 1)
}

private func program(_ instructions: [UInt64]) throws -> FileDescriptor {
  let size = max(1, instructions.count * 8)
  let file = try MemoryFile.create("filter", size: size)
  let memory = try Mapping.shared(file, size: size)
  memory.base.copyMemory(from: instructions, byteCount: instructions.count * 8)
  return file
}

@Test func filterThatIsNoProgramEndsTheDeviceBeforeItIsReady() throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  let filter = try MemoryFile.create("filter", size: 13)
  #expect(try device.attach(segments, filter: filter.raw).1?.code == 65)
}

// A process that is not root may install a filter only with no_new_privs, which the sandbox sets and this test cannot.
@Test(.enabled(if: geteuid() == 0), arguments: [true, false])
func attachedFilterIsInForceBeforeTheDeviceIsReady(kills: Bool) throws {
  let segments = try Segments(vcpus: 1)
  let device = try Device()
  // One instruction, BPF_RET | BPF_K: SECCOMP_RET_ALLOW or SECCOMP_RET_KILL_PROCESS.
  let filter = try program([kills ? 0x8000_0000_0000_0006 : 0x7fff_0000_0000_0006])
  if kills {
    _ = try? device.attach(segments, filter: filter.raw)
    #expect(device.child.wait() == .signal(SIGSYS))
  } else {
    #expect(try device.attach(segments, filter: filter.raw).0 == .deviceReady)
  }
}
