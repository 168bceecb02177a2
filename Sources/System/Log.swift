import CSystem

/// Whole lines on descriptor 2: every process of a machine has its log pipe there.
public enum Log {
  /// Writes one line in one call; what does not fit the pipe is lost rather than waited for.
  public static func line(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { _ = atoll_write(2, $0.baseAddress, UInt($0.count)) }
  }
}

/// The way out of a process: no handlers, no unwinding.
public enum Process {
  public static func exit(_ status: Int32) -> Never { atoll_exit(status) }
  public static var pageSize: Int { Int(atoll_page_size()) }
}
