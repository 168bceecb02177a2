/// The configuration space of a console with one port (virtio 1.3, 5.3.4).
public struct ConsoleConfiguration: Sendable, Equatable {
  /// VIRTIO_CONSOLE_F_SIZE: columns and rows are valid (5.3.3).
  public static let sizeFeature: UInt64 = 1 << 0

  /// Columns and rows; nil: nobody knows, and the feature is not offered.
  public var size: ConsoleSize?

  /// The configuration of a console of this size.
  public init(size: ConsoleSize? = nil) { self.size = size }

  /// Device feature bits. MULTIPORT and EMERG_WRITE are deliberately absent: one port is what hvc needs, and a kernel that
  /// wants early output has the UART.
  public var features: UInt64 { size == nil ? 0 : ConsoleConfiguration.sizeFeature }

  /// le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr; the latter two are 0 without their features.
  public var bytes: [UInt8] {
    let (columns, rows) = (size?.columns ?? 0, size?.rows ?? 0)
    let fields = [UInt8(columns & 0xff), UInt8(columns >> 8), UInt8(rows & 0xff), UInt8(rows >> 8)]
    return fields + [0, 0, 0, 0, 0, 0, 0, 0]
  }
}

/// How large a terminal is, in characters.
public struct ConsoleSize: Sendable, Equatable {
  /// 1 – 65535.
  public var columns: UInt16
  /// 1 – 65535.
  public var rows: UInt16

  /// A terminal of `columns` × `rows`.
  public init(columns: UInt16, rows: UInt16) { (self.columns, self.rows) = (columns, rows) }

  /// "80x25"; nil if it is anything else.
  public init?(_ text: String) {
    var numbers: [UInt16] = []
    var digits = 0
    var number = 0
    for byte in Array(text.utf8) + [0x78] {
      if byte == 0x78 {
        guard digits > 0, number > 0 else { return nil }
        numbers.append(UInt16(number))
        (digits, number) = (0, 0)
        continue
      }
      guard (0x30...0x39).contains(byte) else { return nil }
      number = number * 10 + Int(byte - 0x30)
      digits += 1
      guard number <= 0xffff else { return nil }
    }
    guard numbers.count == 2 else { return nil }
    self.init(columns: numbers[0], rows: numbers[1])
  }
}
