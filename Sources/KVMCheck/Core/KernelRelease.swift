import CSystem

/// Which kernel runs, by its own account.
public struct KernelRelease: Sendable {
  /// As uname(2) has it; empty if it does not say.
  public let text: String
  /// The first number of it.
  public let major: Int
  /// The second.
  public let minor: Int

  /// Of the running kernel.
  public static var running: KernelRelease {
    var buffer = [CChar](repeating: 0, count: 128)
    let length = buffer.withUnsafeMutableBufferPointer { atoll_kernel_release($0.baseAddress, UInt($0.count)) }
    let bytes = buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
    return KernelRelease(String(decoding: bytes, as: UTF8.self))
  }

  /// Of a text such as "6.13.4-custom"; version 0.0 if it does not begin so.
  public init(_ text: String) {
    self.text = text
    var numbers: InlineArray<2, Int> = [0, 0]
    var index = 0
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39: numbers[index] = min(numbers[index] * 10 + Int(byte - 0x30), 10_000)
      case 0x2e where index == 0: index = 1
      default:
        (major, minor) = (numbers[0], numbers[1])
        return
      }
    }
    (major, minor) = (numbers[0], numbers[1])
  }

  /// Whether it is `major`.`minor` or newer.
  func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
    self.major > major || self.major == major && self.minor >= minor
  }
}
