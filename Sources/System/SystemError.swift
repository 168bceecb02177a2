/// A system call that failed: which one, on whose behalf, and the kernel's error number.
public struct SystemError: Error, Sendable, Equatable {
  /// The call, as a person would name it ("memfd_create", "send to device").
  public let call: StaticString
  /// The positive errno.
  public let number: Int32

  /// An error of `call` with the positive errno `number`.
  public init(_ call: StaticString, _ number: Int32) {
    self.call = call
    self.number = number
  }

  public static func == (a: SystemError, b: SystemError) -> Bool { a.number == b.number }

  /// Returns `result` if it is not negative, else throws it as `call`'s errno.
  @inlinable
  public static func check<R: BinaryInteger>(_ call: StaticString, _ result: R) throws(SystemError) -> R {
    if result < 0 { throw SystemError(call, Int32(truncatingIfNeeded: 0 - result)) }
    return result
  }

  /// One sentence: the call and what the kernel said.
  public var sentence: String { "\(call.text): \(Errno.text(number))" }
}

/// The error numbers that Atoll names, with their words.
public enum Errno {
  public static let perm: Int32 = 1
  public static let noEntry: Int32 = 2
  public static let interrupted: Int32 = 4
  public static let again: Int32 = 11
  public static let noMemory: Int32 = 12
  public static let access: Int32 = 13
  public static let busy: Int32 = 16
  public static let exists: Int32 = 17
  public static let invalid: Int32 = 22
  public static let noSpace: Int32 = 28
  public static let pipe: Int32 = 32
  public static let noSystemCall: Int32 = 38
  public static let messageSize: Int32 = 90
  public static let connectionReset: Int32 = 104
  public static let timedOut: Int32 = 110

  /// What an error number means; unknown ones are given as their number.
  public static func text(_ number: Int32) -> String {
    switch number {
    case perm: "operation not permitted"
    case noEntry: "no such file"
    case interrupted: "interrupted"
    case again: "try again"
    case noMemory: "out of memory"
    case access: "permission denied"
    case busy: "in use"
    case exists: "already exists"
    case invalid: "invalid argument"
    case noSpace: "no space left"
    case pipe: "the other side is gone"
    case noSystemCall: "not implemented by this kernel"
    case messageSize: "message too long"
    case connectionReset: "connection reset"
    case timedOut: "timed out"
    case 5: "input/output error"
    case 9: "bad descriptor"
    case 20: "not a directory"
    case 21: "is a directory"
    case 23, 24: "too many open files"
    case 25: "not a request for this kind of file"
    case 26: "text file busy"
    case 27: "file too large"
    case 30: "read-only file system"
    case 36: "name too long"
    case 98: "address in use"
    case 104: "connection reset"
    case 111: "connection refused"
    case 122: "disk quota exceeded"
    default: "error \(number)"
    }
  }
}

extension StaticString {
  /// The same characters as a String, without reflection.
  public var text: String {
    String(decoding: UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount), as: UTF8.self)
  }
}
