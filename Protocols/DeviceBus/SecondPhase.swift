import CSystem
import System

/// The second phase of a process' sandbox: what it needed only to start is taken away.
///
/// The supervisor compiles the seccomp program and attaches it to the first message; the process installs it when it
/// has mapped its memory and before it says that it is ready. So no child needs a compiler for filters.
/// The first phase must allow fcntl(F_GET_SEALS), fstat, mmap, munmap and seccomp.
public enum SecondPhase {
  /// Bytes of the longest program: 4096 instructions of 8 bytes (BPF_MAXINSNS).
  static let maximumProgram = 4096 * 8

  /// Installs the program attached to `message` for all threads. Nothing happens if there is none.
  public static func enter(_ message: inout Incoming) throws(SystemError) {
    guard let program = message.takeFilter() else { return }
    let size = try program.fileSize()
    guard size > 0, size <= maximumProgram else { throw SystemError("seccomp", Errno.invalid) }
    try MemoryFile.requireSealed(program, size: size)
    let mapping = try Mapping.shared(program, size: size, .read)
    _ = try SystemError.check("seccomp", atoll_seccomp_install(mapping.base, UInt(size)))
  }
}
