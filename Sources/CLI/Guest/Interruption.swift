import Glibc
import Synchronization

/// Notes SIGINT, SIGTERM and SIGHUP instead of dying of them, so that partial files can be removed first.
enum Interruption {
  private static let pending = Atomic<Int32>(0)

  /// From now on signals are noted. Programs that are started later get the default again.
  static func watch() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { Interruption.pending.store($0, ordering: .relaxed) }
    }
  }

  /// Throws if a signal came.
  static func check() throws(FetchError) {
    let number = pending.load(ordering: .relaxed)
    if number != 0 { throw .interrupted(number) }
  }
}
