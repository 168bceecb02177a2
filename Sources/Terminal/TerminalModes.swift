import CSystem

/// The modes of a terminal as they were, to be put back.
struct TerminalModes {
  private var saved = InlineArray<128, UInt8>(repeating: 0)
  private let descriptor: Int32

  /// Saves the modes of `descriptor` and makes it raw; nil if it is no terminal.
  init?(raw descriptor: Int32) {
    self.descriptor = descriptor
    var storage = saved.mutableSpan
    // Unsafe but right: the C side writes at most ATOLL_TERMINAL_STATE (128) bytes.
    let result = unsafe storage.withUnsafeMutableBufferPointer {
      unsafe atoll_terminal_save(descriptor, $0.baseAddress)
    }
    guard result == 0, atoll_terminal_raw(descriptor) == 0 else { return nil }
  }

  /// Puts the saved modes back.
  func restore() {
    // Unsafe but right: the C side reads no more than it wrote.
    _ = unsafe saved.span.withUnsafeBufferPointer { unsafe atoll_terminal_restore(descriptor, $0.baseAddress) }
  }
}
