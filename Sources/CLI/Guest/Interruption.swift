import Glibc
import Synchronization

/// Notes SIGINT, SIGTERM and SIGHUP instead of dying of them, so that partial files can be removed first.
enum Interruption {
  private static let pending = Atomic<Int32>(0)
  private static let child = Atomic<Int32>(0)

  /// From now on signals are noted. Programs that are started later get the default again.
  static func watch() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) {
        Interruption.pending.store($0, ordering: .sequentiallyConsistent)
        let child = Interruption.child.load(ordering: .sequentiallyConsistent)
        if child > 0 { kill(child, SIGTERM) }
      }
    }
  }

  /// The program that is being waited for, which a signal ends too; 0 for none.
  static func forward(to process: Int32) {
    child.store(process, ordering: .sequentiallyConsistent)
    // One that came just before.
    if process > 0, pending.load(ordering: .sequentiallyConsistent) != 0 { kill(process, SIGTERM) }
  }

  /// Throws if a signal came.
  static func check() throws(FetchError) {
    let number = pending.load(ordering: .relaxed)
    if number != 0 { throw .interrupted(number) }
  }
}
