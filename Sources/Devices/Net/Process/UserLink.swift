import CSlirp
import NetModel
import System
import VhostDevice
import Virtqueue

/// A network of the guest's own, joined to the host's by libslirp: connections of the guest are connections of this process.
/// No privileges, no tap. 10.0.2.0/24 with DHCP; the gateway is 10.0.2.2 and the name server 10.0.2.3.
struct UserLink: ~Copyable, NetLink {
  private let stack: UnsafeMutableRawPointer
  private let inbox: Inbox
  private(set) var deadline: Int64?
  private var guestChecksum = false
  /// One frame of the guest, or one for it: the stack wants them in one piece.
  private let frame: UnsafeMutableBufferPointer<UInt8>

  private static var longestFrame: Int { 65_536 + NetHeader.size }
  /// Milliseconds.
  private static var longestWait: UInt32 { 60_000 }
  private static var token: UInt32 { 0 }

  /// A stack that asks `dns` (and `dns6`) for names. Nil if there is no memory for it.
  init?(dns: UInt32, dns6: [UInt8]?, ipv6: Bool, mtu: Int32) {
    inbox = Inbox()
    let context = Unmanaged.passUnretained(inbox).toOpaque()
    let made = (dns6 ?? []).withUnsafeBufferPointer { address in
      atoll_slirp_new(
        { Inbox.take($0, $1, $2) }, { Inbox.note($0, $1) }, { _ in Int(Clock.monotonic) }, context, dns,
        address.count == 16 ? address.baseAddress : nil, ipv6 ? 1 : 0, mtu)
    }
    guard let made else { return nil }
    stack = made
    frame = .allocate(capacity: UserLink.longestFrame)
    frame.initialize(repeating: 0)
  }

  deinit { frame.deallocate() }

  /// Lets connections to a port of the host reach one of the guest; false if the port cannot be had.
  borrowing func forward(_ rule: ForwardRule) -> Bool {
    atoll_slirp_forward(
      stack, rule.isUDP ? 1 : 0, rule.hostAddress, Int32(rule.hostPort), rule.guestAddress, Int32(rule.guestPort)) == 0
  }

  var features: UInt64 { NetFeature.user }
  var pairs: UInt16 { 1 }

  mutating func start(features: UInt64) {
    guestChecksum = features & NetFeature.guestChecksum != 0
    inbox.frames.removeAll()
  }

  mutating func setOffloads(_ features: UInt64) { guestChecksum = features & NetFeature.guestChecksum != 0 }
  mutating func setPairs(_ count: UInt16) {}

  mutating func watch(_ rings: Rings) {
    rings.watch(atoll_slirp_descriptor(stack), UserLink.token, Ready.input)
    _ = run()
  }

  mutating func send(_ chain: borrowing DescriptorChain, pair: Int) -> Bool {
    let count = chain.read(at: 0, into: UnsafeMutableRawBufferPointer(frame))
    guard count == chain.readableBytes, count > NetHeader.size else { return false }
    var bytes = InlineArray<12, UInt8>(repeating: 0)
    for index in 0..<12 { bytes[index] = frame[index] }
    let body = UnsafeMutableBufferPointer(rebasing: frame[NetHeader.size..<count])
    var span = body.mutableSpan
    guard Checksum.complete(&span, NetHeader(bytes)) else { return false }
    atoll_slirp_input(stack, body.baseAddress, Int32(body.count))
    return true
  }

  mutating func receive(into segments: UnsafeMutableBufferPointer<Segment>, pair: Int) -> Int? {
    guard !inbox.frames.isEmpty else { return nil }
    var header = NetHeader()
    // The stack made the sums itself.
    if guestChecksum { header.flags = NetHeader.checksumValid }
    let bytes = header.bytes
    for index in 0..<12 { frame[index] = bytes[index] }
    let body = UnsafeMutableBufferPointer(rebasing: frame[NetHeader.size...])
    var span = body.mutableSpan
    guard let count = inbox.frames.take(into: &span) else { return nil }
    return UserLink.copy(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(frame)[..<(count + NetHeader.size)]), segments)
  }

  private static func copy(_ bytes: UnsafeRawBufferPointer, _ segments: UnsafeMutableBufferPointer<Segment>) -> Int? {
    var done = 0
    for segment in segments {
      let part = min(segment.count, bytes.count - done)
      guard part > 0, let source = bytes.baseAddress else { break }
      segment.base.copyMemory(from: source + done, byteCount: part)
      done += part
    }
    return done
  }

  mutating func ready(_ token: UInt32) -> UInt32 { run() }
  mutating func elapse(now: Int64) -> UInt32 { run() }
  mutating func settle() -> UInt32 { run() }

  private mutating func run() -> UInt32 {
    let wait = atoll_slirp_run(stack, UserLink.longestWait)
    deadline = Clock.monotonic &+ Int64(wait) &* 1_000_000
    return inbox.frames.isEmpty ? 0 : 1
  }
}

/// What the stack's callbacks fill.
private final class Inbox {
  /// Half a second of a fast download; beyond that TCP is to notice.
  var frames = FrameQueue(capacity: 512 << 10)
  private var notes = 0

  static func take(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafeRawPointer?, _ size: UInt) {
    guard let context, let bytes, let size = Int(exactly: size) else { return }
    let frame = UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: UInt8.self), count: size)
    _ = Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue().frames.append(frame.span)
  }

  /// The guest can have any number of these: only the first few are worth a line.
  static func note(_ context: UnsafeMutableRawPointer?, _ text: UnsafePointer<CChar>?) {
    guard let context, let text else { return }
    let inbox = Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
    guard inbox.notes < 8 else { return }
    inbox.notes += 1
    Log.line("atoll-net: the guest sent what the network stack refuses: \(String(cString: text))")
  }
}
