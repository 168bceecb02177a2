import CSystem
import System
import Virtqueue
import VsockModel

/// Programs of the host that have connected and not said yet which port they want.
struct Greeters: ~Copyable {
  /// At the same time; a program that says nothing keeps its place.
  static let limit = 32

  private struct Greeter: ~Copyable {
    let descriptor: FileDescriptor
    var handshake = VsockHandshake()
  }

  private let slots: UnsafeMutablePointer<Greeter?>

  init() {
    slots = .allocate(capacity: Self.limit)
    for index in 0..<Self.limit { (slots + index).initialize(to: nil) }
  }

  deinit {
    slots.deinitialize(count: Self.limit)
    slots.deallocate()
  }

  /// Takes a connection; nil, and closed, if there are too many.
  mutating func add(_ descriptor: consuming FileDescriptor) -> Int? {
    for index in 0..<Self.limit where slots[index] == nil {
      slots[index] = Greeter(descriptor: descriptor)
      return index
    }
    return nil
  }

  func descriptor(_ slot: Int) -> Int32? { slot < Self.limit ? slots[slot]?.descriptor.raw : nil }

  mutating func remove(_ slot: Int) { if slot < Self.limit { slots[slot] = nil } }

  /// Reads what is there, byte by byte: what follows the line belongs to the guest.
  mutating func listen(_ slot: Int) -> VsockHandshake.Progress {
    guard let raw = descriptor(slot) else { return .incomplete }
    while true {
      var byte: UInt8 = 0
      let count = withUnsafeMutablePointer(to: &byte) { target in
        var piece = Segment(base: UnsafeMutableRawPointer(target), count: 1)
        return withUnsafePointer(to: &piece) { atoll_peer_receive(raw, $0, 1) }
      }
      guard count == 1 else { return count == -Int(Errno.again) ? .incomplete : .refused }
      let progress = slots[slot]?.handshake.take(byte) ?? .refused
      if progress != .incomplete { return progress }
    }
  }

  /// Hands the socket over to a connection.
  mutating func promote(_ slot: Int) -> FileDescriptor? {
    guard slot < Self.limit, let greeter = slots[slot].take() else { return nil }
    return try? greeter.descriptor.duplicate()
  }
}
