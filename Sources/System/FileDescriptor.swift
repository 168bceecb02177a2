import CSystem

/// A file descriptor that its owner closes.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The number, valid while this value lives. Never close it directly.
  public private(set) var raw: Int32

  /// Takes ownership of an open descriptor.
  public init(owning raw: Int32) { self.raw = raw }

  deinit { if raw >= 0 { _ = atoll_close(raw) } }

  /// Gives the number up: the caller must close it.
  public consuming func release() -> Int32 {
    // Not `discard self`: Embedded Swift refuses it outside @frozen types.
    var emptied = self
    let number = emptied.raw
    emptied.raw = -1
    return number
  }

  /// Opens `path` with close-on-exec; `flags` are Linux's O_ flags.
  public static func open(_ path: String, flags: Int32, mode: Int32 = 0) throws(SystemError) -> FileDescriptor {
    let result = path.withUTF8Z { atoll_open($0, flags, mode) }
    return FileDescriptor(owning: try SystemError.check("open", result))
  }

  /// Another descriptor of the same open file.
  public borrowing func duplicate() throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try SystemError.check("dup", atoll_dup(raw)))
  }

  /// Size in bytes of the file behind it.
  public borrowing func fileSize() throws(SystemError) -> Int {
    try SystemError.check("fstat", atoll_file_size(raw))
  }

  /// Reads at most `buffer.count` bytes; 0 is end of file.
  public borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    try SystemError.check("read", atoll_read(raw, buffer.baseAddress, UInt(buffer.count)))
  }

  /// Writes at most `buffer.count` bytes and returns how many.
  public borrowing func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int {
    try SystemError.check("write", atoll_write(raw, buffer.baseAddress, UInt(buffer.count)))
  }
}

extension String {
  /// Calls `body` with the UTF-8 bytes and a final zero.
  // Not by appending and `removeLast()`: that asks for grapheme breaking, whose tables Embedded Swift does not link.
  public func withUTF8Z<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    var terminated = self
    terminated += "\0"
    return terminated.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { chars in
        guard let base = chars.baseAddress else { return body([0]) }
        return body(base)
      }
    }
  }
}
