// Sessions from which fuzzers start: what drivers do, as scripts. Corpus/<target>/ holds further ones as files.

import DeviceModel
import FuzzSupport
import Machine

/// Seed inputs of the device targets.
public enum Seeds {
  /// Linux' 8250 driver: probe, start, output by interrupts and by polling, input, a restart in the middle.
  public static let serial: [UInt8] = encode(uartProbe + uartStart + uartOutput + uartInput + uartPanic)

  /// A driver of the LS7A clock: switch on, set, read, alarms of both counters, the host's clock set, a restart.
  public static let rtc: [UInt8] = encode(rtcSession)

  /// Power button, the three ways to switch off and to reset, the PM timer's interrupt.
  public static let power: [UInt8] = encode(powerSession)

  /// EDK2's driver: word and buffered programming, an erase, identifier and query, errors, a restart in the middle.
  public static let flash: [UInt8] = encode(flashSession)

  /// A length, and as many bytes of the file of a machine with one processor and 1 GiB.
  public static let firmwareItems: [UInt8] = {
    let file = FirmwareConfiguration.encode(FirmwareConfiguration.items(vcpus: 1, ramBytes: 1 << 30))
    return [UInt8(truncatingIfNeeded: file.count >> 8), UInt8(truncatingIfNeeded: file.count)] + file
  }()

  /// Signature and directory, as firmware reads them.
  public static let firmwareSession: [UInt8] = encode([
    store(8, 0, size: 2), load(0, size: 4), store(8, 0x1900, size: 2), load(0, size: 4), load(0, size: 8), .restart,
    load(0, size: 1), load(0x10, size: 8),
  ])

  private static func encode(_ operations: [DeviceOperation]) -> [UInt8] { operations.flatMap(\.encoded) }

  private static func load(_ offset: UInt32, region: UInt8 = 0, size: UInt8 = 1) -> DeviceOperation {
    .read(Access(region: region, offset: offset, size: size))
  }

  private static func store(_ offset: UInt32, _ value: UInt64, region: UInt8 = 0, size: UInt8 = 1) -> DeviceOperation {
    .write(Access(region: region, offset: offset, size: size), value)
  }

  private static let uartProbe: [DeviceOperation] = [
    store(1, 0), load(1), store(1, 0x0f), load(1), store(1, 0), store(4, 0x1a), load(6), store(4, 0),
    store(3, 0xbf), store(2, 0), store(3, 0), store(2, 1), load(2), store(3, 0x80), load(2), store(0, 1), store(1, 0),
    store(3, 0x03), store(2, 0x07), store(4, 0x10), store(0, 0x55), load(5), load(0), store(4, 0), store(7, 0xa5),
    load(7),
  ]

  private static let uartStart: [DeviceOperation] = [
    store(2, 0), load(5), load(0), load(2), load(6), store(3, 0x03), store(4, 0x0b), store(1, 0x02), load(2),
    store(1, 0x00), store(2, 0x81), store(1, 0x05), .restart,
  ]

  private static let uartOutput: [DeviceOperation] =
    [.outputRoom(5), store(1, 0x07), load(2), load(5)]
    + Array("Debian GNU/Linux".utf8).map { store(0, UInt64($0)) }
    + [load(5), .restart, .outputRoom(3), .outputRoom(20), load(2), load(2), store(0, 0x41, region: 1), store(1, 0x05)]

  private static let uartInput: [DeviceOperation] = [
    .receive(Array("poweroff\n".utf8)), load(2), load(5), load(0), .restart, load(5), load(0), .receive([1, 2, 3]),
    load(0), load(0), load(0), load(5), load(5), store(3, 0x43), store(4, 0x10), load(5), load(0),
  ]

  private static let uartPanic: [DeviceOperation] =
    [.outputRoom(1000), store(4, 0), store(3, 3)]
    + Array("\n<0>[    1.5] Kernel panic - not syncing\n".utf8).map { store(0, UInt64($0)) }

  private static func flashCommand(_ command: UInt64, _ offset: UInt32 = 0) -> DeviceOperation {
    store(offset, command << 16 | command, size: 4)
  }

  private static let flashSession: [DeviceOperation] = [
    flashCommand(0x70), load(0, size: 4), flashCommand(0x40, 8), store(8, 0x1234_5678, size: 4), load(0, size: 4),
    flashCommand(0xff), load(8, size: 8), flashCommand(0xe8, 16), load(16, size: 4), flashCommand(1, 16),
    store(16, 0x0102_0304, size: 4), .restart, store(20, 0x0506_0708, size: 4), flashCommand(0xd0), load(0, size: 4),
    flashCommand(0xff), load(16, size: 8), flashCommand(0x20), flashCommand(0xd0), load(0, size: 4),
    flashCommand(0x20), flashCommand(0xff), flashCommand(0x50), flashCommand(0x90), load(0, size: 4),
    flashCommand(0x98), load(64, size: 4), flashCommand(0x60), flashCommand(0xd0), flashCommand(0xff),
  ]

  private static let second: Int64 = 1_000_000_000

  private static let rtcSession: [DeviceOperation] = [
    load(0x40, size: 4), store(0x40, 0x2900, size: 4), load(0x2c, size: 4), load(0x30, size: 4), load(0x2c, size: 8),
    store(0x24, 0x0ba1_0841, size: 4), store(0x28, 128, size: 4), load(0x2c, size: 4),
    // 29 February 2028, 1:02:10.
    store(0x34, 0x00ba_108a, size: 4), .elapse, .elapse,
    load(0x34, size: 4), .restart, store(0x34, 0, size: 4), store(0x64, 0xffff_ff00, size: 4),
    store(0x6c, 0x100, size: 4),
    .elapse, load(0x68, size: 4), store(0x70, 0x7fff, size: 4), .wait(second), .setClock(-3600 * second), .elapse,
    .setClock(86_400 * second), .elapse, store(0x40, 0x100, size: 4), store(0x40, 0x2900, size: 4), .elapse,
  ]

  private static let powerSession: [DeviceOperation] = [
    .hostEvent, load(0, region: 2, size: 4), store(0, 0, region: 3, size: 4), load(4, region: 3),
    store(4, 0x0101, region: 1, size: 2), .hostEvent, .elapse, .elapse, load(0, region: 1, size: 4), .restart,
    store(0, 0x0101, region: 1, size: 2), .wait(5 * second), load(0x0c, region: 1, size: 4),
    store(0x20, 1, region: 2, size: 4),
    load(0, region: 2, size: 8), store(0x1c, 0x34, region: 2), store(0x1e, 0x42, region: 2),
    store(8, 0x3c00, region: 1, size: 4), store(0x24, 1, region: 1), store(0x10, 0xff), store(0x10, 0),
  ]
}
