import CSystem
import Glibc
import System
import VhostUser
import VirtqueueDriver

/// One small thing done with each kind of device, to see that front-end and back-end understand each other.
public struct Exercises {
  let frontEnd: FrontEnd
  public init(_ frontEnd: FrontEnd) { self.frontEnd = frontEnd }

  /// Sends `request` and waits for `room` bytes of answer on queue `index`.
  func ask(_ index: Int, _ request: [UInt8], room: Int) throws -> [UInt8] {
    let memory = frontEnd.memory
    guard let sent = memory.allocate(max(request.count, 1)), let answer = memory.allocate(max(room, 1)) else {
      throw BenchFailure("there is no memory left")
    }
    (memory.base + sent).copyMemory(from: request, byteCount: request.count)
    var buffers: [DriverBuffer] = []
    if !request.isEmpty {
      buffers.append(DriverBuffer(address: memory.address(sent), length: UInt32(request.count), isWritable: false))
    }
    if room > 0 {
      buffers.append(DriverBuffer(address: memory.address(answer), length: UInt32(room), isWritable: true))
    }
    guard frontEnd.queues[index].ring.add(buffers) != nil else { throw BenchFailure("the ring is full") }
    frontEnd.queues[index].kick()
    let used = try collect(index)
    return Array(UnsafeRawBufferPointer(start: memory.base + answer, count: min(room, Int(used.written))))
  }

  /// The next used chain of queue `index`.
  func collect(_ index: Int, seconds: Double = 10) throws -> UsedChain {
    while true {
      if let used = frontEnd.queues[index].ring.collect() { return used }
      guard try frontEnd.waitForSignal(of: index, seconds: seconds) else {
        throw BenchFailure("queue \(index) gave nothing back in time")
      }
    }
  }

  /// Offers `count` buffers of `size` bytes for the device to fill; their offsets by chain name.
  func offer(_ index: Int, count: Int, size: Int) throws -> [UInt16: Int] {
    var offered: [UInt16: Int] = [:]
    for _ in 0..<count {
      guard let place = frontEnd.memory.allocate(size),
        let id = frontEnd.queues[index].ring.add([
          DriverBuffer(address: frontEnd.memory.address(place), length: UInt32(size), isWritable: true)
        ])
      else { throw BenchFailure("there is no room for buffers") }
      offered[id] = place
    }
    frontEnd.queues[index].kick()
    return offered
  }

  /// Entropy: 64 bytes, not all alike (virtio 1.3, 5.4).
  public func entropy() throws -> String {
    let bytes = try ask(0, [], room: 64)
    guard !bytes.isEmpty, Set(bytes).count > 1 else {
      throw BenchFailure("the entropy device gave \(bytes.count) equal bytes")
    }
    return "\(bytes.count) random bytes"
  }

  /// File system: FUSE_INIT on the first request queue (virtio 1.3, 5.11; linux/fuse.h).
  public func fileSystem() throws -> String {
    var request = words(104, 26) + words(7, 0) + words(0, 0) + words(0, 0) + words(0, 0)
    request += words(7, 38, 0, 0) + [UInt8](repeating: 0, count: 104 - 40 - 16)
    let answer = try ask(1, request, room: 256)
    guard answer.count >= 24, word(answer, 4) == 0, word(answer, 8) == 7 else {
      throw BenchFailure("FUSE_INIT failed: \(answer.prefix(16))")
    }
    let tag = frontEnd.session.config.prefix(36).prefix { $0 != 0 }
    return "FUSE \(word(answer, 16)).\(word(answer, 20)), tag “\(String(decoding: tag, as: UTF8.self))”"
  }

  /// Socket: a connection to port 1 of the host, where this process listens at `path`_1; bytes both ways, then a connection that
  /// nobody takes (virtio 1.3, 5.10.6). That one is told, not demanded: vhost-device-vsock 0.3.0 does not answer it.
  public func socket(_ path: String) throws -> String {
    // Another port each time: a back-end without RESET_DEVICE keeps connections over a reset.
    let source = UInt32.random(in: 1024..<1 << 31)
    func packet(_ operation: Operation, port: UInt32, _ data: [UInt8] = []) -> [UInt8] {
      self.packet(operation, from: source, to: port, data)
    }
    let listener = FileDescriptor(
      owning: try SystemError.check("listen", "\(path)_1".withUTF8Z { atoll_unix_listen($0) }))
    defer { unlink("\(path)_1") }
    let offered = try offer(0, count: 16, size: 4096)
    _ = try ask(1, packet(.request, port: 1), room: 0)
    try expect(.response, offered)
    do {
      let peer = FileDescriptor(owning: try SystemError.check("accept", atoll_unix_accept(listener.raw)))
      _ = try ask(1, packet(.data, port: 1, Array("guest".utf8)), room: 0)
      guard try read(peer) == Array("guest".utf8) else { throw BenchFailure("the host did not get what was sent") }
      _ = try Array("host!".utf8).withUnsafeBytes { try peer.write($0) }
      guard try expect(.data, offered).dropFirst(44).elementsEqual("host!".utf8) else {
        throw BenchFailure("the host's bytes did not come")
      }
    }
    // The host's end is gone. Were the rings stopped before the device has seen that, vhost-device-vsock 0.3.0 would look at
    // them all the same, and serve no ring ever again.
    try expect(.shutdown, offered)
    _ = try ask(1, packet(.request, port: 2), room: 0)
    let refused = (try? expect(.reset, offered, seconds: 1)) != nil
    return "CID \(cid): bytes both ways; a connection to nobody is \(refused ? "refused" : "not answered")"
  }

  private enum Operation: UInt8 { case request = 1, response, reset, shutdown, data, creditUpdate, creditRequest }

  private var cid: UInt64 { frontEnd.session.config.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  private func packet(_ operation: Operation, from source: UInt32, to port: UInt32, _ data: [UInt8]) -> [UInt8] {
    words(UInt32(truncatingIfNeeded: cid), UInt32(cid >> 32), 2, 0, source, port, UInt32(data.count))
      + [1, 0, operation.rawValue, 0] + words(0, 65536, 0) + data
  }

  /// The next packet that is no credit update.
  @discardableResult
  private func expect(_ operation: Operation, _ offered: [UInt16: Int], seconds: Double = 10) throws -> [UInt8] {
    while true {
      let used = try collect(0, seconds: seconds)
      guard let place = offered[used.id] else { throw BenchFailure("a buffer came back that was not offered") }
      let bytes = Array(
        UnsafeRawBufferPointer(start: frontEnd.memory.base + place, count: min(4096, Int(used.written))))
      guard bytes.count >= 44 else { throw BenchFailure("a packet has \(bytes.count) bytes") }
      if bytes[30] == Operation.creditUpdate.rawValue { continue }
      guard bytes[30] == operation.rawValue else {
        throw BenchFailure("the answer is operation \(bytes[30]), not \(operation)")
      }
      return bytes
    }
  }

  private func read(_ peer: borrowing FileDescriptor) throws -> [UInt8] {
    guard try Poll.wait([(peer.raw, Poll.input)], nanoseconds: 5_000_000_000)[0] != 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: 64)
    let got = try bytes.withUnsafeMutableBytes { try peer.read(into: $0) }
    return Array(bytes[..<got])
  }

  /// Network: a DHCP DISCOVER, answered with an OFFER (virtio 1.3, 5.1.6).
  public func network() throws -> String {
    let offered = try offer(0, count: 32, size: 2048)
    let frame = DHCP.discover
    _ = try ask(1, [UInt8](repeating: 0, count: 12) + frame, room: 0)
    for _ in 0..<32 {
      let used = try collect(0)
      guard let place = offered[used.id] else { throw BenchFailure("a buffer came back that was not offered") }
      let bytes = Array(UnsafeRawBufferPointer(start: frontEnd.memory.base + place, count: Int(used.written)))
      if let address = DHCP.offer(Array(bytes.dropFirst(12))) { return "DHCP offers \(address)" }
    }
    throw BenchFailure("no DHCP offer came")
  }

  private func words(_ values: UInt32...) -> [UInt8] {
    values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  }
  private func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
  }
}

/// As much of DHCP (RFC 2131) as a question and an answer need.
enum DHCP {
  private static let mac: [UInt8] = [0x52, 0x54, 0, 0x12, 0x34, 0x56]

  /// An Ethernet frame that asks for an address.
  static var discover: [UInt8] {
    var message: [UInt8] = [1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0x80, 0] + [UInt8](repeating: 0, count: 16) + mac
    message += [UInt8](repeating: 0, count: 10 + 192) + [99, 130, 83, 99, 53, 1, 1, 255]
    message += [UInt8](repeating: 0, count: 300 - message.count)
    let udp = UInt16(8 + message.count)
    var ip: [UInt8] = [0x45, 0] + big(20 + udp) + [0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]
    let sum = checksum(ip)
    (ip[10], ip[11]) = (UInt8(sum >> 8), UInt8(sum & 255))
    return [UInt8](repeating: 255, count: 6) + mac + [8, 0] + ip + big(68) + big(67) + big(udp) + [0, 0] + message
  }

  /// The address that `frame` offers, if it is an offer.
  static func offer(_ frame: [UInt8]) -> String? {
    guard frame.count >= 14 + 20 + 8 + 240, frame[12] == 8, frame[13] == 0, frame[23] == 17, frame[14 + 20 + 8] == 2
    else {
      return nil
    }
    return frame[58..<62].map { "\($0)" }.joined(separator: ".")
  }

  private static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }

  private static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum = stride(from: 0, to: bytes.count, by: 2).reduce(UInt32(0)) {
      $0 + UInt32(bytes[$1]) << 8 + UInt32(bytes[$1 + 1])
    }
    while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
    return ~UInt16(sum)
  }
}
