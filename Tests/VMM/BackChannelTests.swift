import DeviceBus
import Hypervisor
import System
import Testing

@testable import VMMCore

/// A device's end of a back-channel, the VMM's end, and a hypervisor that remembers.
private final class Bench {
  let device: Channel
  let channel: BackChannel
  let hypervisor = RecordingHypervisor()

  static let windows = [
    RegionWindow(guestAddress: 0x2000_0000, size: 0x800_0000, posted: false),
    RegionWindow(guestAddress: 0x4000_0000, size: 0x4000_0000, posted: false),
  ]

  init(vectors: Range<UInt32> = 64..<256) throws {
    let pair = try MessageSocket.pair()
    device = Channel(owning: FileDescriptor(owning: pair.0))
    let end = Channel(owning: FileDescriptor(owning: pair.1))
    channel = BackChannel(end, windows: Self.windows, vectors: vectors)
  }

  /// Sends one request; the VMM's answer.
  func ask<M: Message>(_ message: M, _ descriptors: [Int32] = []) throws -> Bound {
    try device.send(message, descriptors: descriptors)
    #expect(try channel.serve(hypervisor))
    return try answer()
  }
  func answer() throws -> Bound {
    guard let message = try device.receive(wait: false) else { throw MessageError.truncated }
    return try message.decode()
  }
  /// What ended the conversation.
  func fault() -> MessageError? {
    do throws(ChannelError) { _ = try channel.serve(hypervisor) } catch {
      if case .malformed(let fault) = error { return fault }
    }
    return nil
  }
}

@Suite struct BackChannelTests {
  @Test func bindAndUnbind_reachTheHypervisor_andAreAnsweredInOrder() throws {
    let bench = try Bench()
    let event = try EventCounter()
    let door = try bench.ask(BindDoorbell(id: 5, address: 0x4000_4000, length: 2), [event.descriptor.raw])
    let vector = try bench.ask(BindMSI(id: 5, vector: 80), [event.descriptor.raw])
    #expect(door == Bound(to: .bindDoorbell, id: 5))
    #expect(vector == Bound(to: .bindMSI, id: 5))
    #expect(Array(bench.hypervisor.doorbells.values) == [0x4000_4000])
    #expect(Array(bench.hypervisor.vectors.values) == [80])
    #expect(try bench.ask(UnbindDoorbell(id: 5)) == Bound(to: .unbindDoorbell, id: 5))
    #expect(try bench.ask(UnbindMSI(id: 5)) == Bound(to: .unbindMSI, id: 5))
    #expect(bench.hypervisor.doorbells.isEmpty && bench.hypervisor.vectors.isEmpty)
  }

  @Test func unbindOfWhatIsNotBound_isDone() throws {
    let bench = try Bench()
    #expect(try bench.ask(UnbindDoorbell(id: 159)).fault == nil)
    #expect(try bench.ask(UnbindMSI(id: 0)).fault == nil)
  }

  @Test(
    arguments: [
      (0x1fff_ffff, 2), (0x27ff_ffff, 2), (0x2800_0000, 1), (0x3fff_ffff, 1), (0x8000_0000, 0), (0x7fff_fffd, 4),
      (0, 8),
      (.max, 8), (0x2ff0_0000, 4), (0x9000_0000, 2),
    ] as [(UInt64, UInt32)])
  func doorbellNotWhollyInsideTheWindows_isAnsweredWithAFault(address: UInt64, length: UInt32) throws {
    let bench = try Bench()
    let event = try EventCounter()
    let answer = try bench.ask(BindDoorbell(id: 0, address: address, length: length), [event.descriptor.raw])
    #expect(answer.fault == .outsideItsWindows)
    #expect(bench.hypervisor.doorbells.isEmpty)
  }

  @Test(arguments: [(0x2000_0000, 1), (0x27ff_fffe, 2), (0x7fff_fff8, 8), (0x7fff_ffff, 0)] as [(UInt64, UInt32)])
  func doorbellAtTheEdgesOfAWindow_isBound(address: UInt64, length: UInt32) throws {
    let bench = try Bench()
    let event = try EventCounter()
    #expect(
      try bench.ask(BindDoorbell(id: 0, address: address, length: length), [event.descriptor.raw]).fault == nil)
  }

  @Test(arguments: [(0, false), (99, false), (100, true), (109, true), (110, false), (256, false), (.max, false)])
  func vectorOfAnother_isAnsweredWithAFault(vector: UInt32, own: Bool) throws {
    let bench = try Bench(vectors: 100..<110)
    let event = try EventCounter()
    let answer = try bench.ask(BindMSI(id: 0, vector: vector), [event.descriptor.raw])
    #expect(answer.fault == (own ? nil : .foreignVector))
    #expect(bench.hypervisor.vectors.isEmpty == !own)
  }

  @Test func anythingButANonBlockingEventfd_isRefused() throws {
    let bench = try Bench()
    let file = try MemoryFile.create("no eventfd", size: 4096)
    let pair = try MessageSocket.pair()
    let near = FileDescriptor(owning: pair.0)
    let far = FileDescriptor(owning: pair.1)
    for wrong in [file.raw, near.raw, far.raw] {
      #expect(try bench.ask(BindDoorbell(id: 0, address: 0x4000_0000, length: 2), [wrong]).fault == .refused)
      #expect(try bench.ask(BindMSI(id: 0, vector: 64), [wrong]).fault == .refused)
    }
    #expect(bench.hypervisor.doorbells.isEmpty && bench.hypervisor.vectors.isEmpty)
  }

  @Test(arguments: [(HypervisorError.noRoom, BindFault.tableFull), (.badBinding(1), .refused)])
  func hypervisorsRefusal_isAnswered(error: HypervisorError, fault: BindFault) throws {
    let bench = try Bench()
    let event = try EventCounter()
    bench.hypervisor.refusal = error
    #expect(try bench.ask(BindMSI(id: 0, vector: 64), [event.descriptor.raw]).fault == fault)
    #expect(
      try bench.ask(BindDoorbell(id: 0, address: 0x4000_0000, length: 2), [event.descriptor.raw]).fault == fault)
  }

  @Test func tenThousandBinds_holdNoMoreThanOneOfEachID() throws {
    let bench = try Bench()
    let event = try EventCounter()
    let before = try event.descriptor.duplicate().raw
    for i in 0..<10_000 {
      let id = UInt32(i % 160)
      _ = try bench.ask(
        BindDoorbell(id: id, address: 0x4000_0000 + UInt64(i) * 4, length: 2), [event.descriptor.raw])
      _ = try bench.ask(BindMSI(id: id, vector: 64 + UInt32(i % 192)), [event.descriptor.raw])
    }
    #expect(bench.hypervisor.doorbells.count == 160)
    #expect(bench.hypervisor.vectors.count == 160)
    bench.channel.unbindAll(bench.hypervisor)
    #expect(bench.hypervisor.doorbells.isEmpty && bench.hypervisor.vectors.isEmpty)
    // Other tests of the process open descriptors meanwhile, but not thousands.
    #expect(try event.descriptor.duplicate().raw < before + 1000)
  }

  @Test func aReplacedBindingThatIsRefused_leavesNothingBound() throws {
    let bench = try Bench()
    let event = try EventCounter()
    _ = try bench.ask(BindMSI(id: 1, vector: 64), [event.descriptor.raw])
    #expect(try bench.ask(BindMSI(id: 1, vector: 3), [event.descriptor.raw]).fault == .foreignVector)
    #expect(bench.hypervisor.vectors.isEmpty)
  }

  @Test func answersThatNobodyTakes_stopTheReadingAndNothingGrows() throws {
    let bench = try Bench()
    var sent = 0
    var served = 0
    // The device fills its socket and takes no answer, until neither side moves.
    while true {
      let (sentBefore, servedBefore) = (sent, served)
      while (try? bench.device.send(UnbindMSI(id: UInt32(sent % 160)), wait: false)) != nil { sent += 1 }
      while bench.channel.interest.events == Poll.input, try bench.channel.serve(bench.hypervisor) { served += 1 }
      if (sent, served) == (sentBefore, servedBefore) { break }
    }
    #expect(bench.channel.interest.events == Poll.output)
    #expect(served < sent)
    // It takes them after all: each is there, once and in order.
    var answered = 0
    while answered < sent {
      if let message = try bench.device.receive(wait: false) {
        let bound: Bound = try message.decode()
        #expect(bound == Bound(to: .unbindMSI, id: UInt32(answered % 160)))
        answered += 1
      } else {
        _ = try bench.channel.serve(bench.hypervisor)
      }
    }
  }

  @Test func brokenMessages_endTheConversation() throws {
    let event = try EventCounter()
    let raw = event.descriptor.raw
    let ways: [(String, (Bench) throws -> Void, MessageError)] = [
      ("another message", { try $0.device.send(Run()) }, .unexpectedRequest(37)),
      ("an answer", { try $0.device.send(Bound(to: .bindMSI, id: 0)) }, .unexpectedRequest(144)),
      ("a filter", { try $0.device.send(UnbindMSI(id: 0), filter: raw) }, .unknownFlags(1)),
      (
        "an id that does not exist", { try $0.device.send(UnbindMSI(id: 160)) },
        .impossible("the binding's number is not 0 to 159")
      ),
    ]
    for (what, send, fault) in ways {
      let bench = try Bench()
      try send(bench)
      #expect(bench.fault() == fault, "\(what)")
      #expect(bench.channel.interest.descriptor == -1, "\(what)")
      #expect(try bench.channel.serve(bench.hypervisor) == false)
    }
  }

  @Test(arguments: [0, 2, 16]) func wrongNumberOfDescriptors_endsTheConversation(count: Int) throws {
    let pair = try MessageSocket.pair()
    let device = MessageSocket(owning: FileDescriptor(owning: pair.0))
    let channel = BackChannel(
      Channel(owning: FileDescriptor(owning: pair.1)), windows: Bench.windows, vectors: 64..<256)
    let event = try EventCounter()
    // bindMSI of vector 64 as id 0.
    let packet = [130, 0, 8, 0, 64].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    try packet.withUnsafeBytes {
      try device.send($0, descriptors: Array(repeating: event.descriptor.raw, count: count))
    }
    let hypervisor = RecordingHypervisor()
    var fault: MessageError?
    do throws(ChannelError) { _ = try channel.serve(hypervisor) } catch {
      if case .malformed(let found) = error { fault = found }
    }
    #expect(fault == .wrongDescriptorCount(count))
    #expect(hypervisor.vectors.isEmpty)
  }

  @Test func bindingsOutliveTheConversation_untilTheyAreUnbound() throws {
    let bench = try Bench()
    let event = try EventCounter()
    _ = try bench.ask(BindDoorbell(id: 1, address: 0x4000_0000, length: 2), [event.descriptor.raw])
    try bench.device.send(Run())
    #expect(bench.fault() == .unexpectedRequest(37))
    #expect(bench.hypervisor.doorbells.count == 1)
    bench.channel.unbindAll(bench.hypervisor)
    #expect(bench.hypervisor.doorbells.isEmpty)
  }
}
