import Foundation
import Testing

@testable import Sandbox

@Suite("A root directory with entries", .enabled(if: ProbeProgram.isBuilt, "\(ProbeProgram.missing)"))
struct RootTests {
  /// Two folders of the host, the second of which everybody may write to.
  private final class Folders {
    let base = FileManager.default.temporaryDirectory.appending(path: "atoll-root-\(UUID().uuidString)")
    var shown: String { base.appending(path: "shown").path }
    var given: String { base.appending(path: "given").path }

    init() throws {
      for path in [shown, given] {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        chmod(path, 0o777)
      }
      try Data("shown".utf8).write(to: URL(filePath: shown + "/file"))
      try FileManager.default.createSymbolicLink(atPath: shown + "/way-out", withDestinationPath: "/etc/passwd")
    }
    deinit { try? FileManager.default.removeItem(at: base) }
  }

  @Test(
    "shows what was asked for as it was asked for, and nothing else of the host", arguments: ["vsock", "foreign"],
    Supervisor.available)
  func view(profile: String, supervisor: Supervisor) throws {
    let folders = try Folders()

    let results = try ProbeProgram.run(as: supervisor, ["rooted", profile, folders.shown, folders.given])

    #expect(results == ["fine"])
  }

  @Test("can show a folder that only the supervisor's user can get to", .enabled(if: geteuid() == 0))
  func privateFolder() throws {
    let folders = try Folders()
    chmod(folders.base.path, 0o700)

    #expect(try ProbeProgram.run(["rooted", "foreign", folders.shown, folders.given]) == ["fine"])
  }

  @Test("is refused with the step's name if the host has no such folder")
  func missing() throws {
    let folders = try Folders()

    let results = try ProbeProgram.run(["rooted", "vsock", folders.base.path + "/absent", folders.given])

    #expect(results.count == 1 && results[0].contains("opening the folders") && results[0].contains("no such file"))
  }
}

@Suite("A foreign program", .enabled(if: ProbeProgram.isBuilt, "\(ProbeProgram.missing)"))
struct ForeignTests {
  /// What an ordinary program may do.
  private static let ordinary: Set<String> = [
    "open_root", "open_here", "open_2", "list_here", "write_file", "watch_files", "socket_unix", "socket_ip",
    "socket_ip6",
    "socket_netlink", "socket_pair", "make_pipe", "execute_again", "execute_memory", "fork_process", "make_thread",
    "signal_all", "signal_group", "set_affinity", "set_priority", "set_limit", "map_executable", "map_write_execute",
    "map_over", "protect_executable", "remap_over", "make_memory_file", "many_descriptors", "become_dumpable",
    "outlive_parent", "allow_tracer", "futex_requeue", "futex_priority", "make_blocking", "seal_descriptor",
    "splice_bytes",
    "terminal_ioctl", "filter_listener", "change_directory", "connect_abstract", "open_own_memory", "keep_capabilities",
    "lock_memory", "kick_self", "kick_self_otherwise",
  ]

  @Test("can be a program, and has none of the dangerous calls", arguments: Supervisor.available)
  func attempts(supervisor: Supervisor) throws {
    let results = try ProbeProgram.run(as: supervisor, ["drive", "foreign", "one", "enforced"])

    #expect(results.count > 60)
    for result in results {
      let words = result.split(separator: " ", maxSplits: 1)
      guard words.count == 2, !ForeignTests.ordinary.contains(String(words[0])) else { continue }
      #expect(words[1].hasPrefix("refused ") || words[1].hasPrefix("killed "), "\(result)")
    }
  }

  @Test("that confines itself can make namespaces, and has none of the other dangerous calls")
  func confinesItself() throws {
    let dangerous = [
      "trace_other", "read_other_memory", "pidfd_other", "steal_descriptor", "key_ring", "add_key", "bpf_map",
      "io_uring",
      "performance_counter", "secret_fault_handler", "set_clock", "change_root", "kernel_log", "open_file",
    ]

    let results = try ProbeProgram.run(["drive", "foreign-self", "one", "enforced", "unshare_user"] + dangerous)

    #expect(results.contains("unshare_user happened"))
    for result in results where !result.hasPrefix("unshare_user") { #expect(result.contains(" refused "), "\(result)") }
  }
}
