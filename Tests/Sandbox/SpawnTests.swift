import System
import Testing

@testable import Sandbox

/// Requests, errors and ends, with host programs outside any sandbox: they need no build of ours.
@Suite(.serialized) struct SpawnTests {
  private func start(
    _ path: String, _ arguments: [String], _ confinement: Confinement = .none
  ) throws -> SpawnedProcess {
    let program = try FileDescriptor.open(path, flags: 0)
    var spec = SpawnSpec(name: path, profile: .serial, descriptors: [])
    spec.arguments = arguments
    return try Sandbox(confinement).spawn(program, spec)
  }

  @Test(
    "The exit of a shell is reported as status or signal",
    arguments: [
      ("exit 0", ProcessEnd.exited(0)), ("exit 7", .exited(7)), ("kill -9 $$", .killed(signal: 9)),
      ("kill -15 $$", .killed(signal: 15)),
    ])
  func end(script: String, expected: ProcessEnd) throws {
    let process = try start("/bin/sh", ["-c", script])

    #expect(try process.reap(wait: true) == expected)
  }

  @Test("Descriptors that were not handed over are closed, those that were have their numbers")
  func descriptors() throws {
    let ends = try MessageSocket.pair()
    let ours = MessageSocket(owning: FileDescriptor(owning: ends.0))
    let theirs = FileDescriptor(owning: ends.1)
    let program = try FileDescriptor.open("/bin/sh", flags: 0)
    var spec = SpawnSpec(name: "sh", profile: .serial, descriptors: [.init(theirs.raw, as: 7)])
    // The shell opens no descriptor of its own for this; ls would.
    spec.arguments = [
      "-c", "for n in 3 4 5 6 7 8 9; do eval \"true >&$n\" 2>/dev/null && printf %s $n >&7; done; true",
    ]

    let process = try Sandbox(.none).spawn(program, spec)
    #expect(try process.reap(wait: true) == .exited(0))

    var buffer = [UInt8](repeating: 0, count: 16)
    let count = try buffer.withUnsafeMutableBytes { bytes in
      guard let message = try ours.receive(into: bytes, wait: false) else { return 0 }
      return message.byteCount
    }
    #expect(buffer[..<count] == [UInt8(ascii: "7")])
  }

  @Test("A running process is not reaped, and can be killed through its pidfd")
  func killRunning() throws {
    let process = try start("/bin/sh", ["-c", "kill -STOP $$"])
    #expect(try process.reap() == nil)

    process.kill()

    #expect(try process.reap(wait: true) == .killed(signal: 9))
    #expect(throws: SystemError.self) { try process.reap() }
  }

  @Test("A file that is no program is an error that names the step")
  func notAProgram() throws {
    let error = #expect(throws: SandboxError.self) { _ = try start("/etc/passwd", []) }

    #expect(error?.sentence.contains("executing the program file failed") == true)
  }

  @Test("A dynamically linked program cannot start in an empty root, and the error says why")
  func dynamicProgram() throws {
    let error = #expect(throws: SandboxError.self) { _ = try start("/bin/sh", [], .enforced) }

    #expect(error?.sentence.contains("statically linked") == true, "\(error?.sentence ?? "")")
  }

  @Test(
    "An impossible request is refused before anything is started",
    arguments: [
      SpawnSpec(name: "x", profile: .serial, descriptors: [.init(2, as: -1)]),
      SpawnSpec(name: "x", profile: .serial, descriptors: [.init(2, as: 32)]),
      SpawnSpec(name: "x", profile: .serial, descriptors: [.init(2, as: 2), .init(2, as: 2)]),
      SpawnSpec(name: "x", profile: .vmm, descriptors: (0..<17).map { .init(2, as: $0) }),
      SpawnSpec(name: "x\0y", profile: .serial, descriptors: []),
      SpawnSpec(name: String(repeating: "x", count: 4001), profile: .serial, descriptors: []),
    ])
  func request(spec: SpawnSpec) throws {
    let program = try FileDescriptor.open("/bin/sh", flags: 0)

    let error = #expect(throws: SandboxError.self) { _ = try Sandbox().spawn(program, spec) }

    guard case .request = error else { return #expect(Bool(false), "\(error?.sentence ?? "none")") }
  }

  @Test("A closed descriptor in the request is reported by the step that hands descriptors over")
  func closedDescriptor() throws {
    let program = try FileDescriptor.open("/bin/sh", flags: 0)
    let spec = SpawnSpec(name: "x", profile: .serial, descriptors: [.init(100_000, as: 3)])

    let error = #expect(throws: SandboxError.self) { _ = try Sandbox().spawn(program, spec) }

    #expect(error?.sentence == "cannot start x in its sandbox: handing over its descriptors failed: bad descriptor")
  }

  @Test(
    "Every profile compiles, and its second filter is a memfd that nobody can change", arguments: Profile.all.indices)
  func filters(index: Int) throws {
    let sandbox = Sandbox()

    guard let filter = try sandbox.phaseTwoProgram(Profile.all[index]) else {
      Issue.record("no filter")
      return
    }

    let size = try filter.fileSize()
    #expect(size > 0 && size.isMultiple(of: 8))
    #expect(throws: SystemError.self) { try [UInt8(0)].withUnsafeBytes { try filter.write($0) } }
    #expect(throws: SystemError.self) { _ = try Mapping.shared(filter, size: 8, .readWrite) }
    _ = try Mapping.shared(filter, size: 8, .read)
  }

  @Test("Without confinement there is no second filter")
  func noFilter() throws {
    let exists = try Sandbox(.none).phaseTwoProgram(.serial) != nil

    #expect(!exists)
  }

  @Test("A profile's limits leave the program's own descriptor out of reach", arguments: Profile.all.indices)
  func limits(index: Int) {
    #expect(Profile.all[index].openFiles <= 760)
    // The disk's are the kernel's workers of its io_uring.
    #expect(
      Profile.all[index].threads == 1 || ["vmm", "vmm-kvm", "block"].contains(Profile.all[index].name.description))
    #expect(Profile.all[index].lockedBytes == 0 || Profile.all[index].name.description == "block")
  }

  @Test(
    "The end of a process reads as a sentence",
    arguments: [
      (ProcessEnd.exited(3), "exited with status 3"),
      (.killed(signal: 31), "was killed by signal 31 (bad system call: its sandbox profile forbids it)"),
      (.killed(signal: 9), "was killed by signal 9 (kill)"),
    ])
  func sentences(end: ProcessEnd, expected: String) {
    #expect(end.sentence == expected)
  }
}
