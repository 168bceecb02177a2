import CSystem
import Control
import Sandbox
import System

// Starting the programs behind virtio functions.
extension Supervisor {
  /// Starts the back-end of a function with `descriptors` and what it works on.
  func launch(
    _ backEnd: Role.BackEnd, _ child: Child, _ descriptors: [InheritedDescriptor]
  ) throws(Ending) -> SpawnedProcess {
    let function = functions[backEnd.index]
    if let foreign = backEnd.foreign { return try launch(foreign, function, child, descriptors) }
    var spec = SpawnSpec(name: child.role.program ?? "", profile: child.role.profile, descriptors: descriptors)
    var numbers: [Int32] = []
    let own = hasTerminal(child) ? console.descriptors : function.files.descriptors.map { $0.file.raw }
    for (index, descriptor) in own.enumerated() {
      numbers.append(StandardDescriptor.setUp + 1 + Int32(index))
      spec.descriptors.append(InheritedDescriptor(descriptor, as: numbers[index]))
    }
    spec.arguments = ["--supervised"] + BackEndArguments.list(backEnd, numbers, vsockPath(function))
    spec.root = BackEndArguments.root(backEnd, function.files)
    do { return try sandbox.spawn(child.program.file, spec) } catch { throw Ending(error) }
  }

  /// Where a vsock device finds its socket: without a sandbox the host's own path.
  private func vsockPath(_ function: Function) -> String? {
    guard let (folder, name) = function.files.vsock else { return nil }
    return "\(sandbox.confinement == .none ? folder : BackEndArguments.vsockFolder)/\(name)"
  }

  private func launch(
    _ program: ForeignProgram, _ function: Function, _ child: Child, _ descriptors: [InheritedDescriptor]
  ) throws(Ending) -> SpawnedProcess {
    guard sandbox.confinement != .none else {
      throw Ending(.badInput, "\(function.name): a program that is not Atoll's runs only in a sandbox")
    }
    // It knows nothing of the set-up socket: that number is its front-end's.
    var all = descriptors.filter { $0.target != StandardDescriptor.setUp }
    let socket = try function.files.freshSocket(program.connection)
    if let socket { all.append(InheritedDescriptor(socket, as: StandardDescriptor.setUp)) }
    var spec = SpawnSpec(name: program.path, profile: child.role.profile, descriptors: all)
    spec.arguments = program.arguments.map { ForeignArguments.fill($0, descriptor: StandardDescriptor.setUp) }
    spec.path = program.path
    spec.root = ForeignRoot.entries(program, runtime: function.files.runtime?.folder)
    defer { function.files.closeGivenSocket() }
    do { return try sandbox.spawn(child.program.file, spec) } catch { throw Ending(error) }
  }
}

/// The command lines of Atoll's own back-ends.
enum BackEndArguments {
  /// Where a vsock device sees the folder of its sockets.
  static let vsockFolder = "/vsock"

  /// The options of a back-end that inherits what it works on at `numbers`.
  static func list(_ backEnd: Role.BackEnd, _ numbers: [Int32], _ vsockPath: String?) -> [String] {
    switch backEnd.description.kind {
    case .block(let block): disk(block, numbers)
    case .net(let net): network(net, numbers, backEnd.index)
    case .console: numbers.isEmpty ? [] : ["--console-fds=\(list(numbers))"]
    case .vsock(let vsock): ["--guest-cid=\(vsock.cid)", "--uds-path=\(vsockPath ?? "")"]
    case .rng, .foreign: []
    }
  }

  /// What a back-end sees of the host's files: nothing, but for two.
  static func root(_ backEnd: Role.BackEnd, _ files: FunctionFiles) -> [RootEntry] {
    switch backEnd.description.kind {
    case .vsock: return files.vsock.map { [.bind($0.folder, at: vsockFolder, writable: true)] } ?? []
    case .net(let net):
      // Its library seeds a generator there.
      if case .user = net.mode { return [.device("/dev/urandom", at: "/dev/urandom")] }
      return []
    default: return []
    }
  }

  private static func disk(_ block: BlockDescription, _ numbers: [Int32]) -> [String] {
    ["--blk-fd=\(list(numbers))", "--num-queues=\(block.queues)"] + (block.readOnly ? ["--read-only"] : [])
  }

  private static func network(_ net: NetDescription, _ numbers: [Int32], _ index: Int) -> [String] {
    let mac = ["--mac=\(net.mac ?? address(index))"]
    switch net.mode {
    case .tap: return ["--tap-fds=\(list(numbers))", "--control-queue"] + mac
    case .user:
      let server = Host.nameServer.map { ["--dns=\($0)"] } ?? []
      return ["--user"] + mac + server + net.forward.map { "--forward=\($0)" }
    }
  }

  /// A locally administered address, another one for each place on the bus: QEMU's, whose tools know it.
  static func address(_ index: Int) -> String {
    let last = UInt8(truncatingIfNeeded: 0x56 + index)
    return "52:54:00:12:34:\(String(last, radix: 16))"
  }

  private static func list(_ numbers: [Int32]) -> String {
    var text = ""
    for number in numbers { text += text.utf8.isEmpty ? "\(number)" : ",\(number)" }
    return text
  }
}

/// Placeholders in the arguments of a foreign program.
enum ForeignArguments {
  /// `text` with {fd} and {socket} replaced.
  static func fill(_ text: String, descriptor: Int32) -> String {
    var out: [UInt8] = []
    var rest = Array(text.utf8)[...]
    let words: [(StaticString, String)] = [
      ("{fd}", "\(descriptor)"), ("{socket}", "\(RuntimeFolder.inside)/\(RuntimeFolder.socketName)"),
    ]
    while let byte = rest.first {
      let known = words.first { word in
        rest.count >= word.0.utf8CodeUnitCount && same(Array(rest.prefix(word.0.utf8CodeUnitCount)), word.0)
      }
      if let known {
        out += Array(known.1.utf8)
        rest = rest.dropFirst(known.0.utf8CodeUnitCount)
      } else {
        out.append(byte)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}

/// The root directory of a foreign program.
enum ForeignRoot {
  /// Programs and libraries, in systems with and without merged /usr.
  private static let systemFolders = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]

  /// What `program` sees: its root's programs and libraries, a few harmless devices, what its description shows, and nothing
  /// else.
  static func entries(_ program: ForeignProgram, runtime: String?) -> [RootEntry] {
    let root = program.root ?? ""
    var entries: [RootEntry] = [.bind("\(root)/usr", at: "/usr", writable: false)]
    for name in systemFolders {
      if Host.isFolder("\(root)/\(name)") {
        entries.append(.bind("\(root)/\(name)", at: "/\(name)", writable: false))
      } else if Host.exists("\(root)/usr/\(name)") {
        entries.append(.link(to: "usr/\(name)", at: "/\(name)"))
      }
    }
    for name in ["ld.so.cache", "alternatives"] where Host.exists("\(root)/etc/\(name)") {
      entries.append(.bind("\(root)/etc/\(name)", at: "/etc/\(name)", writable: false))
    }
    if program.hostNetwork {
      for name in ["resolv.conf", "hosts"] where Host.exists("/etc/\(name)") {
        entries.append(.bind("/etc/\(name)", at: "/etc/\(name)", writable: false))
      }
    }
    for name in ["null", "zero", "urandom", "random"] { entries.append(.device("/dev/\(name)", at: "/dev/\(name)")) }
    entries += [.processes("/proc"), .scratch("/tmp"), .scratch("/run")]
    if program.connection == .path, let runtime {
      entries.append(.bind(runtime, at: RuntimeFolder.inside, writable: true))
    }
    for bind in program.binds { entries.append(.bind(bind.path, at: bind.at, writable: bind.writable)) }
    return entries
  }
}
