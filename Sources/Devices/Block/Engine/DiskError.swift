import System

/// Why a disk cannot be used.
///
/// Not Equatable: a path would be compared as text, whose tables Embedded Swift does not link.
public enum DiskError: Error, Sendable {
  /// Neither a path nor a descriptor was given, or both.
  case noneGiven
  /// It cannot be opened.
  case open(path: String, SystemError)
  /// It cannot be looked at.
  case describe(SystemError)
  /// It is a folder, a pipe, a character device…
  case kind
  /// It is open for reading only, but `--read-only` is not given.
  case notWritable
  /// It has not a single sector.
  case empty
  /// Someone else has its lock.
  case locked
  /// It cannot be used without the host's page cache.
  case noDirect(SystemError)

  /// One sentence, without a full stop.
  public var sentence: String {
    switch self {
    case .noneGiven: "one of --blk-file=PATH and --blk-fd=N is needed"
    case .open(let path, let error): "cannot open \(path): \(Errno.text(error.number))"
    case .describe(let error): "cannot look at the disk: \(error.sentence)"
    case .kind: "the disk is neither a regular file nor a block device"
    case .notWritable: "the disk is open for reading only; --read-only gives the guest a disk that it cannot write"
    case .empty: "the disk is smaller than one sector of 512 bytes"
    case .locked: "another program uses the disk, perhaps another machine; only readers (--read-only) can share one"
    case .noDirect(let error): "--cache=none does not work with this disk: \(Errno.text(error.number))"
    }
  }
}
