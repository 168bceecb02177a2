// The messages between supervisor and loader.

/// How the guest learns about its hardware.
public enum FirmwareTables: UInt32, Sendable {
  case acpi = 0
  case deviceTree = 1
}

/// 64: the one job of a loader. Descriptors: guest RAM memfd, kernel, and with `hasInitrd` the initrd.
public struct Load: Message, Equatable {
  public static var request: Request { .load }
  /// Bytes of guest RAM.
  public var ramBytes: UInt64
  /// 1...256.
  public var vcpus: UInt32
  /// Which tables to build.
  public var tables: FirmwareTables
  /// A third descriptor holds the initrd.
  public var hasInitrd: Bool
  /// The kernel's command line without a final zero, at most 4096 bytes, none of them zero.
  public var commandLine: [UInt8]
  public var descriptorCount: Int { hasInitrd ? 3 : 2 }

  public init(ramBytes: UInt64, vcpus: UInt32, tables: FirmwareTables, hasInitrd: Bool, commandLine: [UInt8]) {
    (self.ramBytes, self.vcpus, self.tables) = (ramBytes, vcpus, tables)
    (self.hasInitrd, self.commandLine) = (hasInitrd, commandLine)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(ramBytes)
    payload.put(vcpus)
    payload.put(tables.rawValue)
    payload.put(hasInitrd)
    payload.put(counted: commandLine)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    ramBytes = try payload.u64()
    vcpus = try payload.u32()
    guard let kind = FirmwareTables(rawValue: try payload.u32()) else {
      throw .impossible("the kind of firmware tables does not exist")
    }
    tables = kind
    hasInitrd = try payload.flag()
    commandLine = try payload.counted(limit: BusLimits.commandLine)
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(vcpus: vcpus)
    guard ramBytes > 0, ramBytes <= 1 << 46 else { throw .impossible("the size of guest RAM is out of range") }
    guard commandLine.count <= BusLimits.commandLine, !commandLine.contains(0) else {
      throw .impossible("the command line is too long or holds a zero byte")
    }
  }
}

/// 65: the one job of a loader in a machine with firmware: only what the firmware expects to find in RAM. Descriptor: guest
/// RAM memfd.
public struct LoadFirmware: Message, Equatable {
  public static var request: Request { .loadFirmware }
  /// Bytes of guest RAM.
  public var ramBytes: UInt64
  /// 1...256.
  public var vcpus: UInt32
  public var descriptorCount: Int { 1 }

  public init(ramBytes: UInt64, vcpus: UInt32) { (self.ramBytes, self.vcpus) = (ramBytes, vcpus) }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(ramBytes)
    payload.put(vcpus)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    ramBytes = try payload.u64()
    vcpus = try payload.u32()
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(vcpus: vcpus)
    guard ramBytes > 0, ramBytes <= 1 << 46 else { throw .impossible("the size of guest RAM is out of range") }
  }
}

/// 80: the guest is in RAM; where it starts.
public struct Loaded: BootMessage, Equatable {
  public static var request: Request { .loaded }
  public var entry: BootEntry
  public init(entry: BootEntry) { self.entry = entry }
}

/// 81: the loader refuses; why, in words.
public struct LoadFailed: Message, Equatable {
  public static var request: Request { .loadFailed }
  /// One sentence, at most 200 bytes of printable ASCII.
  public var text: String

  /// Words beyond 200 bytes are cut off.
  public init(text: String) { self.text = text }
  public static func == (a: LoadFailed, b: LoadFailed) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(counted: Array(text.utf8.prefix(BusLimits.failureText)))
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    text = try payload.text(limit: BusLimits.failureText)
  }
}
