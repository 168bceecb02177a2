import CSystem
import System
import VhostUser

/// A device state on its way through the front-end's pipe. It never waits: the event loop says when the pipe is ready.
struct StateTransfer: ~Copyable {
  /// Bytes of the longest state that is read.
  static let maximumBytes = 1 << 20
  /// Nanoseconds after which a front-end that does not serve its end has failed.
  static let patience: Int64 = 5_000_000_000

  private let pipe: FileDescriptor
  private let isLoading: Bool
  private var bytes: [UInt8]
  private var written = 0
  /// Monotonic time at which it has failed.
  let deadline: Int64

  /// Saves `state`; nil loads one.
  init(_ pipe: consuming FileDescriptor, saving state: [UInt8]?, now: Int64) {
    self.pipe = pipe
    isLoading = state == nil
    bytes = state ?? []
    deadline = now + StateTransfer.patience
  }

  /// The descriptor to poll, for `events`.
  var raw: Int32 { pipe.raw }
  var events: UInt32 { isLoading ? Ready.input : Ready.output }

  /// How a turn ended.
  enum Progress {
    /// The pipe has no more, or no room, for now.
    case waits
    /// A state has been read to its end.
    case loaded([UInt8])
    /// All was written.
    case saved
    /// It broke, or the state is too long.
    case failed
  }

  /// Moves what can be moved now.
  mutating func advance() -> Progress { isLoading ? load() : save() }

  private mutating func load() -> Progress {
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count <= StateTransfer.maximumBytes {
      let raw = pipe.raw
      let got = chunk.withUnsafeMutableBytes { atoll_read(raw, $0.baseAddress, UInt($0.count)) }
      if got == 0 { return .loaded(bytes) }
      if got < 0 { return got == -Int(Errno.again) ? .waits : .failed }
      bytes += chunk[..<got]
    }
    return .failed
  }

  private mutating func save() -> Progress {
    while written < bytes.count {
      let (raw, from) = (pipe.raw, written)
      let put = bytes.withUnsafeBytes { atoll_write(raw, $0.baseAddress! + from, UInt($0.count - from)) }
      if put < 0 { return put == -Int(Errno.again) ? .waits : .failed }
      written += put
    }
    return .saved
  }
}
