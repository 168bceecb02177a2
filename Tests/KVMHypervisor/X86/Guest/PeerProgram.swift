import CSystem
import CTimeStamp
import Synchronization
import System

/// The other process' side of `Peer`, over descriptor 3, until that is closed.
public enum PeerProgram {
  /// Serves until the tests' side is gone.
  public static func run() {
    let socket = MessageSocket(owning: FileDescriptor(owning: 3))
    while true {
      var words = InlineArray<4, UInt64>(repeating: 0)
      let received = try? withUnsafeMutableBytes(of: &words) { try socket.receive(into: $0) }
      guard var message = received ?? nil, message.byteCount == 32, let request = PeerRequest(rawValue: words[0]),
        let descriptor = message.take(0)
      else { return }
      var answer = serve(request, words[1], words[2], descriptor, message.take(1), message.take(2))
      guard (try? withUnsafeBytes(of: &answer) { try socket.send($0) }) != nil else { return }
    }
  }

  private static func serve(
    _ request: PeerRequest, _ first: UInt64, _ second: UInt64, _ descriptor: consuming FileDescriptor,
    _ other: consuming FileDescriptor?, _ third: consuming FileDescriptor?
  ) -> Int64 {
    switch request {
    case .signal:
      let eventfd = EventCounter(owning: descriptor)
      for _ in 0..<first { eventfd.signal() }
      return 0
    case .wait:
      let eventfd = EventCounter(owning: descriptor)
      return awaitSignal(eventfd)
    case .store, .load: return access(descriptor, at: Int(first), store: request == .store ? UInt32(second) : nil)
    case .control: return Int64(atoll_kvm_control(descriptor.raw, UInt(first), UInt(second)))
    case .echo:
      guard let other = other.take() else { return -1 }
      return echo(EventCounter(owning: descriptor), EventCounter(owning: other), Int(first))
    case .measure:
      guard let other = other.take(), let memory = third.take() else { return -1 }
      return measure(
        EventCounter(owning: descriptor), EventCounter(owning: other), memory, Int64(second), Int(first))
    }
  }

  private static func awaitSignal(_ eventfd: borrowing EventCounter) -> Int64 {
    _ = try? Poll.wait([(eventfd.descriptor.raw, Poll.input)], nanoseconds: 10_000_000_000)
    return Int64(eventfd.drain())
  }

  private static func access(_ memory: borrowing FileDescriptor, at offset: Int, store value: UInt32?) -> Int64 {
    guard let size = try? memory.fileSize(), let mapping = try? Mapping.shared(memory, size: size), offset + 4 <= size
    else { return -1 }
    if let value { mapping.base.storeBytes(of: value, toByteOffset: offset, as: UInt32.self) }
    return Int64(mapping.base.load(fromByteOffset: offset, as: UInt32.self))
  }

  private static func echo(_ first: borrowing EventCounter, _ second: borrowing EventCounter, _ times: Int) -> Int64 {
    for round in 0..<times {
      guard awaitSignal(first) > 0 else { return Int64(round) }
      second.signal()
    }
    return Int64(times)
  }

  private static func measure(
    _ first: borrowing EventCounter, _ second: borrowing EventCounter, _ memory: borrowing FileDescriptor,
    _ pause: Int64, _ times: Int
  ) -> Int64 {
    guard let mapping = try? Mapping.shared(memory, size: 4096) else { return -1 }
    for round in 0..<times {
      guard awaitSignal(first) > 0 else { return Int64(round) }
      mapping.base.storeBytes(of: UInt64(atoll_time_stamp()), as: UInt64.self)
      let end = Clock.monotonic + pause
      while Clock.monotonic < end { spinHint() }
      mapping.base.storeBytes(of: UInt64(atoll_time_stamp()), toByteOffset: 8, as: UInt64.self)
      second.signal()
    }
    return Int64(times)
  }
}
