// The serial device: a 16550A (region 0) and a debug console (region 1) that share one back-end.

import DeviceModel

/// A 16550A UART and a one-register debug console.
///
/// Region 0, 8 bytes: the UART's byte registers. A wider access touches the addressed byte only and reads zero-extended.
/// Region 1, 8 bytes: a byte stored at offset 0 goes to the back-end; loads return 0. It has no way to make the guest wait: when
/// the back-end takes nothing, it holds 15 bytes and drops the rest.
///
/// The UART makes the guest wait: with no room in the back-end its transmitter fills, THRE and TEMT stay clear, and nothing is lost.
public struct SerialDevice: DeviceModel, Sendable {
  /// UART, debug console. Stores are waited for: another vCPU may look at the result next, and has a ring of its own.
  public static var regions: [RegionLayout] {
    [RegionLayout(size: 8, posted: false), RegionLayout(size: 8, posted: false)]
  }

  /// With the UART's queue and the byte that the guest stores, just what one `Effects` carries.
  static let debugConsoleCapacity = 15

  var uart = UART()
  var debugConsole = ByteFIFO()
  var panicWatch = PanicWatch()
  /// Bytes that the back-end still takes, as far as the driver said.
  var room: UInt16 = 0

  public init(at now: Instant) {}

  public var interruptPending: Bool { uart.interruptCause != .none }

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    guard access.region == 0, access.offset < 8 else { return 0 }
    let value = uart.read(access.offset, at: now.monotonic)
    pulseIfPending(&effects)
    return UInt64(value)
  }

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    let byte = UInt8(truncatingIfNeeded: value)
    switch access.region {
    case 0 where access.offset < 8:
      uart.write(access.offset, byte)
      drain(&effects)
      pulseIfPending(&effects)
    case 1 where access.offset == 0:
      if debugConsole.count < Self.debugConsoleCapacity { _ = debugConsole.append(byte) }
      drain(&effects)
    default: break
    }
  }

  public var receiveCapacity: Int { uart.receiveCapacity }

  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {
    guard !uart.loopback, bytes.byteCount > 0 else { return }
    var offset = 0
    while let byte = try? bytes.take(UInt8.self, at: &offset) {
      uart.receiver.accept(byte, capacity: uart.capacity)
    }
    pulseIfPending(&effects)
  }

  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {
    room = UInt16(clamping: bytes)
    let wasPending = interruptPending
    drain(&effects)
    if !wasPending { pulseIfPending(&effects) }
  }

  /// Never: the only timer of a 16550A, the character time-out, counts as expired at once.
  public var deadline: Int64? { nil }
  public mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}

  /// After a guest's access or a byte from the line: the pin is an edge, so whatever is still pending is signalled again.
  /// A pulse that finds the cause already handled costs the guest one look at IIR.
  private func pulseIfPending(_ effects: inout Effects) {
    if interruptPending { effects.interrupt = true }
  }

  /// Moves waiting bytes to the back-end as far as there is room.
  private mutating func drain(_ effects: inout Effects) {
    let waited = !uart.transmitter.isEmpty
    while room > 0, !uart.transmitter.isEmpty, effects.emit(uart.transmitter[0]) {
      if let byte = uart.transmitter.removeFirst(), panicWatch.feed(byte) { effects.machine = .guestPanic }
      room -= 1
    }
    while room > 0, !debugConsole.isEmpty, effects.emit(debugConsole[0]) {
      _ = debugConsole.removeFirst()
      room -= 1
    }
    if waited, uart.transmitter.isEmpty { uart.transmitterDrained() }
  }
}
