import Foundation
import Testing

@testable import Sandbox

/// A profile in one of its two phases, started by someone.
struct Situation: CustomTestStringConvertible, Sendable {
  let profile: String
  let phase: String
  let supervisor: Supervisor

  var testDescription: String { "\(profile), phase \(phase), started by \(supervisor.rawValue)" }

  static let all = Profile.all.flatMap { profile in
    ["one", "two"].flatMap { phase in
      Supervisor.available.map { Situation(profile: profile.name.description, phase: phase, supervisor: $0) }
    }
  }

  /// What this profile allows, where the host lets this user open /dev/kvm.
  var allowedWithKVM: Set<String> { (profile, phase) == ("vmm-kvm", "one") ? ["kvm_make_machine"] : [] }

  /// What this profile allows on purpose, in this phase.
  var allowed: Set<String> {
    switch (profile, phase) {
    case ("vmm", "one"): ["make_thread", "map_over"]
    case ("vmm-kvm", "one"): ["make_thread", "map_over", "kick_self"]
    case ("vmm-kvm", _): ["kick_self"]
    case ("loader", _): ["map_over"]
    case ("terminal", _): ["write_file"]
    case ("block", "one"): ["write_file", "io_uring", "make_blocking"]
    case ("block", _), ("flash", _): ["write_file"]
    // It is in the host's network, and its library looks for a device.
    case ("net-user", "one"): ["socket_ip", "socket_ip6", "make_blocking", "terminal_ioctl", "open_here"]
    case ("net-user", _): ["socket_ip", "socket_ip6", "make_blocking", "terminal_ioctl"]
    case ("vsock", _): ["socket_unix"]
    default: []
    }
  }
}

@Suite("A confined process", .enabled(if: ProbeProgram.isBuilt, "\(ProbeProgram.missing)"))
struct ConfinementTests {
  @Test("is refused or killed for every forbidden attempt", arguments: Situation.all)
  func attempts(_ situation: Situation) throws {
    let results = try ProbeProgram.run(
      as: situation.supervisor, ["drive", situation.profile, situation.phase, "enforced"])

    var tried: Set<String> = []
    for result in results.map({ $0.split(separator: " ", maxSplits: 1) }) where result.count == 2 {
      let (attempt, outcome) = (String(result[0]), result[1])
      tried.insert(attempt)
      let stopped = outcome.hasPrefix("killed ") || outcome.hasPrefix("refused ")
      let expected = situation.allowed.contains(attempt) ? outcome == "happened" : stopped
      if situation.allowedWithKVM.contains(attempt), outcome == "happened" { continue }
      #expect(expected, "\(attempt): \(outcome)")
    }
    #expect(tried.isSuperset(of: ConfinementTests.named), "the probe did not try all that it must")
  }

  @Test(
    "is killed, not merely refused, for a system call outside its profile",
    arguments: Profile.all.map(\.name.description))
  func killed(profile: String) throws {
    var calls = ["open_file", "socket_unix", "execute", "fork_process", "trace_me", "map_executable", "io_uring"]
    // Its peers are Unix sockets.
    if profile == "vsock" { calls.remove(at: 1) }

    let results = try ProbeProgram.run(["drive", profile, "two", "enforced"] + calls)

    #expect(results.sorted() == calls.map { "\($0) killed 31" }.sorted())
  }

  @Test("with /dev/kvm asks it for a machine before its second filter, and for none afterwards")
  func machineOfKVM() throws {
    let made = ["kvm_make_machine", "kvm_make_vcpu", "kvm_place_memory", "kvm_make_device"]
    // /dev/kvm itself knows neither: they get through the filter and no further.
    let used = ["kvm_run", "kvm_bind"]
    let foreign = ["kvm_debug_guest", "kick_self_otherwise", "signal_thread"]

    let first = try ProbeProgram.run(["drive", "vmm-kvm", "one", "enforced"] + made + used + foreign)
    let second = try ProbeProgram.run(["drive", "vmm-kvm", "two", "enforced"] + made + used + foreign)
    let without = try ProbeProgram.run(["drive", "vmm", "one", "enforced"] + made + used)

    let killed = { (calls: [String]) in calls.map { "\($0) killed 31" } }
    #expect(Set(first).isSuperset(of: killed(foreign)) && Set(second).isSuperset(of: killed(made + foreign)))
    #expect(first.allSatisfy { line in foreign.contains { line.hasPrefix($0 + " ") } || !line.contains("killed") })
    #expect(second.allSatisfy { line in !used.contains { line.hasPrefix($0 + " ") } || line.contains(" refused ") })
    #expect(Set(without) == Set(killed(made + used)))
  }

  @Test(
    "really gets a machine of KVM's before its second filter",
    .enabled(if: access("/dev/kvm", R_OK | W_OK) == 0, "/dev/kvm is not there or not open to this user"))
  func machineIsMade() throws {
    let results = try ProbeProgram.run(["drive", "vmm-kvm", "one", "enforced", "kvm_make_machine"])
    #expect(results == ["kvm_make_machine happened"])
  }

  #if !arch(loongarch64)
    @Test(
      "that is the VMM asks a foreign KVM all it must know and goes on without it, or does not",
      .enabled(if: access("/dev/kvm", R_OK | W_OK) == 0, "/dev/kvm is not there or not open to this user"),
      .enabled(if: ProbeProgram.vmm != nil, "there is no static atoll-vmm: run `make embedded`"))
    func programOfVMM() throws {
      let program = try #require(ProbeProgram.vmm)
      let reason = "the kernel's KVM has no LS7A interrupt controllers"
      #expect(try ProbeProgram.run(["vmm", program, "preferred"]) == ["soft \(reason)", "ended: status 0"])
      let refused = try ProbeProgram.run(["vmm", program, "required"])
      #expect(refused.count == 2 && refused[0].hasPrefix("failed \(reason): ") && refused[1] == "ended: status 1")
    }
  #endif

  @Test("sees an empty host with its filter only logging", arguments: Profile.all.map(\.name.description))
  func view(profile: String) throws {
    for supervisor in Supervisor.available + [.containerRoot] {
      let results = try ProbeProgram.run(as: supervisor, ["drive", profile, "look", "logged"])
      let expected = profile == "net-user" ? "look a network interface is up" : "look fine"

      #expect(results == [expected], "started by \(supervisor.rawValue)")
    }
  }

  @Test("is stopped by namespaces, credentials and limits alone where they can", arguments: Supervisor.available)
  func withoutFilter(supervisor: Supervisor) throws {
    let attempts = [
      "open_file", "open_root", "create_file", "execute", "fork_process", "read_other_memory", "trace_other",
      "signal_other", "pidfd_other", "mount_file_system", "unmount", "pivot", "unshare_mounts", "become_root",
      "set_host_name", "set_clock", "raise_ambient", "huge_allocation", "many_descriptors", "write_file",
    ]

    let results = try ProbeProgram.run(as: supervisor, ["drive", "serial", "two", "logged"] + attempts)

    #expect(results.count == attempts.count)
    for result in results { #expect(result.contains(" refused "), "\(result)") }
  }

  @Test("could do those things if it were not confined, so that the attempts mean something")
  func unconfined() throws {
    let attempts = [
      "open_file", "open_root", "open_here", "list_here", "stat_path", "write_file", "socket_unix", "socket_ip",
      "socket_pair", "make_pipe", "execute", "execute_memory", "fork_process", "make_thread", "trace_me",
      "signal_other",
      "pidfd_other", "map_executable", "map_write_execute", "map_over", "protect_executable", "make_memory_file",
      "huge_allocation", "become_dumpable", "outlive_parent", "futex_requeue",
    ]

    let results = try ProbeProgram.run(["drive", "serial", "two", "none"] + attempts)

    #expect(results.sorted() == attempts.map { "\($0) happened" }.sorted())
  }

  /// What the issue names: files, sockets, exec, fork, ptrace, executable memory, another process' memory.
  private static let named: Set<String> = [
    "open_file", "open_own_memory", "socket_unix", "socket_ip", "socket_pair", "connect_abstract", "execute",
    "execute_again", "execute_memory", "fork_process", "clone_3", "make_thread", "trace_me", "trace_other",
    "read_other_memory", "map_executable", "protect_executable", "mount_file_system", "unshare_user", "enter_namespace",
    "key_ring", "bpf_map", "io_uring", "performance_counter", "secret_fault_handler", "signal_other", "change_root",
    "push_terminal_input", "become_dumpable",
  ]
}
