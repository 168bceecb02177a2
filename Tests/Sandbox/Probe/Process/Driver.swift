import CProbe
import CSystem
import DeviceBus
import Sandbox
import System

/// The probe as a small supervisor. Prints one line per result.
enum Driver {
  /// `drive PROFILE one|two|look enforced|logged|none [ATTEMPT...]`: each attempt in a process of its own.
  static func drive(_ words: [String]) {
    guard words.count >= 5, let profile = profile(words[2]) else { return fail("no such profile") }
    let confinement: Confinement = words[4].same(as: "none") ? .none : words[4].same(as: "logged") ? .logged : .enforced
    let sandbox = Sandbox(confinement)
    if words[3].same(as: "look") { return run(sandbox, profile, ["look"], name: "look", second: true) }
    for number in 0..<probe_count() {
      guard let name = probe_name(number).map({ String(cString: $0) }) else { continue }
      guard words.count == 5 || words[5...].contains(where: { $0.same(as: name) }) else { continue }
      // Some process outside every sandbox that belongs to this user: this one.
      let arguments = ["try", words[3], "\(number)", "\(atoll_thread_id())"]
      run(sandbox, profile, arguments, name: name, second: words[3].same(as: "two"))
    }
  }

  /// `rooted PROFILE SHOWN GIVEN`: a process with two folders of the host in its root, whose filter only logs if it is one of
  /// Atoll's own, because those cannot open files.
  static func rooted(_ words: [String]) {
    guard words.count == 5, let profile = profile(words[2]) else { return fail("no such profile") }
    let root: [RootEntry] = [
      .bind(words[3], at: "/shown", writable: false), .bind(words[4], at: "/given", writable: true),
      .link(to: "shown", at: "/way"), .device("/dev/null", at: "/dev/null"), .processes("/proc"), .scratch("/tmp"),
    ]
    do {
      let child = try start(
        Sandbox(profile.isForeign ? .enforced : .logged), profile, ["root"], second: false, root: root)
      guard let end = try? child.process.reap(wait: true) else { return fail("cannot wait") }
      switch end {
      case .exited(0): line("fine")
      case .exited(let number): line(probe_root_wrong(number).map { String(cString: $0) } ?? "exit \(number)")
      case .killed(let signal): line("killed \(signal)")
      }
    } catch { fail(error.sentence) }
  }

  private static func profile(_ name: String) -> Profile? {
    (Profile.all + Profile.foreigners).first { $0.name.text.same(as: name) }
  }

  /// `nursery`: starts one process, prints its pid and waits for ever.
  static func nursery() {
    do {
      let child = try start(Sandbox(), .serial, ["ready"], second: true)
      _ = try? child.channel.receive()
      line("\(child.process.pid)")
      _ = try? child.process.reap(wait: true)
    } catch {
      fail(error.sentence)
    }
  }

  /// `time`: nanoseconds from spawn to the process' first message, sandbox included, fifty times.
  static func time() {
    let sandbox = Sandbox()
    for _ in 0..<50 {
      do {
        let began = Clock.monotonic
        let child = try start(sandbox, .serial, ["ready"], second: true)
        _ = try? child.channel.receive()
        line("\(Clock.monotonic - began)")
        child.process.kill()
        _ = try? child.process.reap(wait: true)
      } catch {
        return fail(error.sentence)
      }
    }
  }

  private static func run(_ sandbox: Sandbox, _ profile: Profile, _ arguments: [String], name: String, second: Bool) {
    do {
      // Foreign programs may call ioctl as they like, and are not given /dev/kvm.
      let kvm = !profile.isForeign && !name.same(as: "look")
      let child = try start(sandbox, profile, arguments, second: second, kvm: kvm)
      guard let end = try? child.process.reap(wait: true) else { return fail("cannot wait") }
      line("\(name) \(outcome(end, looking: name.same(as: "look")))")
    } catch {
      fail(error.sentence)
    }
  }

  private static func outcome(_ end: ProcessEnd, looking: Bool) -> String {
    switch end {
    case .exited(ProbeStatus.setUpFailed): "broken"
    case .exited(ProbeStatus.happened): looking ? "fine" : "happened"
    case .exited(let number): looking ? probe_wrong(number).map { String(cString: $0) } ?? "" : "refused \(number)"
    case .killed(let signal): "killed \(signal)"
    }
  }

  static func line(_ text: String) {
    var text = text + "\n"
    text.withUTF8 { _ = atoll_write(1, $0.baseAddress, UInt($0.count)) }
  }

  static func fail(_ sentence: String) { line("error \(sentence)") }
}

/// A process in a sandbox and the other end of its set-up socket.
struct Child: ~Copyable {
  let process: SpawnedProcess
  let channel: Channel
}

extension Driver {
  /// Starts this very program in a sandbox, as the supervisor starts a device: log at 2, set-up socket at 3, and at 4 a
  /// file without a name. `kvm`: at 5 /dev/kvm, if it opens. `second` sends it its second filter.
  fileprivate static func start(
    _ sandbox: Sandbox, _ profile: Profile, _ arguments: [String], second: Bool, root: [RootEntry] = [],
    kvm: Bool = false
  ) throws(DriverError) -> Child {
    let program = try opened("/proc/self/exe", flags: 0)
    let file = try opened("/tmp", flags: unnamedFile)
    guard let ends = try? MessageSocket.pair() else { throw DriverError(sentence: "no socket") }
    let channel = Channel(owning: FileDescriptor(owning: ends.0))
    let theirs = FileDescriptor(owning: ends.1)
    var spec = SpawnSpec(
      name: "atoll-probe", profile: profile,
      descriptors: [.init(2, as: 2), .init(theirs.raw, as: 3), .init(file.raw, as: 4)])
    spec.arguments = arguments
    spec.root = root
    // 2: O_RDWR
    let machines = FileDescriptor(owning: kvm ? atoll_open("/dev/kvm", 2, 0) : -1)
    if machines.raw >= 0 { spec.descriptors.append(.init(machines.raw, as: 5)) }
    if profile.isForeign {
      // Found by its path, as a foreign program is.
      let own = probe_argument(0).map { String(cString: $0) } ?? ""
      spec.root.append(.bind(own, at: "/probe", writable: false))
      spec.path = "/probe"
    }
    do throws(SandboxError) {
      let process = try sandbox.spawn(program, spec)
      if second { try sendFilter(sandbox, profile, channel) }
      return Child(process: process, channel: channel)
    } catch {
      throw DriverError(sentence: error.sentence)
    }
  }

  private static func sendFilter(
    _ sandbox: Sandbox, _ profile: Profile, _ channel: borrowing Channel
  ) throws(SandboxError) {
    if let filter = try sandbox.phaseTwoProgram(profile) {
      try? channel.send(Finish(), filter: filter.raw)
    } else {
      try? channel.send(Finish())
    }
  }

  private static func opened(_ path: String, flags: Int32) throws(DriverError) -> FileDescriptor {
    do throws(SystemError) {
      return try FileDescriptor.open(path, flags: flags, mode: 0o600)
    } catch {
      throw DriverError(sentence: "\(path): \(error.sentence)")
    }
  }

  /// O_TMPFILE | O_RDWR
  private static var unnamedFile: Int32 { 0o20200000 | 2 }
}

/// What stopped the driver.
struct DriverError: Error { let sentence: String }
