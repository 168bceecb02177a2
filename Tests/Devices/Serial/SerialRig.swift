// A serial device with a driver around it, as short as a test wants it.

import DeviceModel

@testable import SerialModel

/// The registers by their names in the PC16550D data sheet.
enum Reg: UInt32, Sendable {
  case data = 0
  case ier = 1
  case iirFCR = 2
  case lcr = 3
  case mcr = 4
  case lsr = 5
  case msr = 6
  case scr = 7
}

/// Drives a device as a guest and as a back-end with `room` left, and keeps what came out.
struct SerialRig {
  static let now = Instant(monotonic: 0, realtime: 0)
  /// The time of loads.
  var time = now
  var device = SerialDevice(at: now)
  var room = 1 << 20
  /// What the back-end was given.
  var output: [UInt8] = []
  /// Did the last operation pulse the pin?
  var pulsed = false
  /// Pulses so far.
  var pulses = 0
  var machine: [MachineEvent] = []

  var text: String { String(decoding: output, as: UTF8.self) }

  mutating func store(_ reg: Reg, _ value: UInt8) { store(reg.rawValue, UInt64(value)) }

  mutating func store(_ offset: UInt32, _ value: UInt64, region: UInt8 = 0, size: UInt8 = 1) {
    let room = room
    perform { device, effects in
      device.outputRoom(room, at: Self.now, &effects)
      device.write(Access(region: region, offset: offset, size: size), value: value, at: Self.now, &effects)
    }
  }

  mutating func load(_ reg: Reg) -> UInt8 { UInt8(truncatingIfNeeded: load(reg.rawValue)) }

  mutating func load(_ offset: UInt32, region: UInt8 = 0, size: UInt8 = 1) -> UInt64 {
    let (room, time) = (room, time)
    var value: UInt64 = 0
    perform { device, effects in
      device.outputRoom(room, at: time, &effects)
      value = device.read(Access(region: region, offset: offset, size: size), at: time, &effects)
    }
    return value
  }

  mutating func send(_ text: String) { for byte in text.utf8 { store(.data, byte) } }

  /// The back-end offers bytes; returns how many the device took.
  @discardableResult
  mutating func offer(_ bytes: [UInt8]) -> Int {
    let taken = Array(bytes.prefix(device.receiveCapacity))
    perform { device, effects in device.receive(taken.span.bytes, at: Self.now, &effects) }
    return taken.count
  }

  mutating func makeRoom(_ bytes: Int) {
    room = bytes
    perform { device, effects in device.outputRoom(bytes, at: Self.now, &effects) }
  }

  /// FIFOs on with a trigger level of 1, 4, 8 or 14 bytes, receive interrupt on.
  mutating func openPort(trigger: UInt8 = 1) {
    let level: UInt8 = [1: 0x00, 4: 0x40, 8: 0x80, 14: 0xc0][trigger] ?? 0
    store(.iirFCR, 0x07 | level)
    store(.ier, 0x01)
  }

  private mutating func perform(_ body: (inout SerialDevice, inout Effects) -> Void) {
    var effects = Effects()
    body(&device, &effects)
    for index in 0..<effects.outputCount { output.append(effects.output[index]) }
    room -= effects.outputCount
    pulsed = effects.interrupt
    if pulsed { pulses += 1 }
    if effects.machine != .none { machine.append(effects.machine) }
  }
}
