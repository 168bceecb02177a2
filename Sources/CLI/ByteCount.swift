import ArgumentParser

/// A number of bytes as people write it: 1073741824, 1G, 512M, 64K, 1T; powers of 1024.
struct ByteCount: ExpressibleByArgument, Equatable {
  /// Bytes.
  let bytes: UInt64

  init(bytes: UInt64) { self.bytes = bytes }

  /// For help.
  var defaultValueDescription: String { ByteCount.text(bytes) }

  init?(argument: String) {
    let units: [Character: UInt64] = ["k": 10, "m": 20, "g": 30, "t": 40]
    var digits = Substring(argument)
    var shift: UInt64 = 0
    if let last = argument.last, let unit = units[Character(last.lowercased())] {
      digits = digits.dropLast()
      shift = unit
    }
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt64(digits) else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
    if overflow { return nil }
    self.bytes = bytes
  }

  /// Bytes in the largest unit that leaves a whole number: "256 MiB".
  static func text(_ bytes: UInt64) -> String {
    let names = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = bytes
    var index = 0
    while value >= 1024, value % 1024 == 0, index + 1 < names.count {
      value /= 1024
      index += 1
    }
    return "\(value) \(names[index])"
  }
}
