import Glibc

// Real eventfds: the kernel tells them apart by what they are, not by their descriptors. /proc says what that is.

/// An eventfd that a binding holds on to, as the kernel does.
struct HeldEvent {
  let descriptor: Int32
  /// The same for every descriptor of one eventfd (Documentation/filesystems/proc.rst, 3.8, eventfd-id).
  let identity: String

  /// Takes hold of the caller's descriptor; a negative errno if it is none, or none of an eventfd.
  static func hold(_ descriptor: Int32) -> Result<HeldEvent, RefusedDescriptor> {
    guard fcntl(descriptor, F_GETFD) >= 0 else { return .failure(.init(errno: Failure.badDescriptor)) }
    guard let identity = field("eventfd-id", of: descriptor) else { return .failure(.init(errno: Failure.invalid)) }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return .failure(.init(errno: Failure.badDescriptor)) }
    return .success(HeldEvent(descriptor: copy, identity: identity))
  }

  func release() { _ = close(descriptor) }

  /// Takes what has been signalled; false: nothing.
  func take() -> Bool {
    var waiter = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&waiter, 1, 0) == 1 else { return false }
    var count: UInt64 = 0
    return read(descriptor, &count, 8) == 8
  }

  func signal() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// What has been signalled and not taken.
  var count: UInt64 {
    guard let text = Self.field("eventfd-count", of: descriptor) else { return 0 }
    return UInt64(text, radix: 16) ?? 0
  }

  private static func field(_ name: String, of descriptor: Int32) -> String? {
    let file = open("/proc/self/fdinfo/\(descriptor)", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { _ = close(file) }
    var buffer = [UInt8](repeating: 0, count: 1024)
    let length = read(file, &buffer, buffer.count)
    guard length > 0 else { return nil }
    for line in String(decoding: buffer[0..<length], as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: ":")
      guard parts.count == 2, parts[0] == name else { continue }
      return String(parts[1].drop { $0 == " " || $0 == "\t" })
    }
    return nil
  }
}

struct RefusedDescriptor: Error { let errno: Int }

/// KVM_IRQFD.
struct IRQFDBinding {
  let event: HeldEvent
  let gsi: UInt32
  /// What was in the eventfd when it was bound: injected once, and left there until the next signal.
  var stale: UInt64
}

/// KVM_IOEVENTFD.
struct DoorbellBinding {
  let event: HeldEvent
  let bus: UInt32
  let address: UInt64
  let length: UInt32
  let match: UInt64?
}
