import Machine

extension MachineDescription {
  private static var members: [StaticString] {
    [
      "name", "vcpus", "memory", "kernel", "initrd", "commandLine", "tables", "hypervisor", "programs", "devices",
      "firmware",
    ]
  }

  /// Reads a description: checks types, words and limits. Files are looked at when they are opened, not here.
  public static func parse(_ text: [UInt8]) throws(MachineDescriptionError) -> MachineDescription {
    let root: JSONNode
    do { root = try JSONDocument.parse(text) } catch { throw .notJSON(error) }
    guard root.isObject else { throw .notAnObject }
    if let key = root.keyOutside(members) { throw .unknownMember(key) }
    var machine = MachineDescription()
    try machine.readNumbers(root)
    try machine.readPaths(root)
    try machine.readWords(root)
    try machine.readDevices(root)
    try machine.check()
    return machine
  }

  private mutating func readNumbers(_ root: JSONNode) throws(MachineDescriptionError) {
    if let node = root.member("vcpus") { vcpus = try MachineDescription.number(node, "vcpus") }
    if let node = root.member("memory") {
      let bytes = try MachineDescription.number(node, "memory")
      guard bytes >= 0 else { throw .wrongType("memory", needs: "a number of bytes") }
      memory = UInt64(bytes)
    }
  }

  private mutating func readPaths(_ root: JSONNode) throws(MachineDescriptionError) {
    if let node = root.member("name") { name = try MachineDescription.text(node, "name") }
    if let node = root.member("kernel") { kernel = try MachineDescription.text(node, "kernel") }
    if let node = root.member("initrd") { initrd = try MachineDescription.text(node, "initrd") }
    if let node = root.member("programs") { programs = try MachineDescription.text(node, "programs") }
    if let node = root.member("commandLine") { commandLine = try MachineDescription.text(node, "commandLine") }
  }

  private mutating func readWords(_ root: JSONNode) throws(MachineDescriptionError) {
    if let node = root.member("tables") {
      let known = TablesChoice.allCases.first { node.isString($0.word) }
      guard let known else { throw .unknownWord("tables", node.string ?? "", choices: "\"acpi\" or \"fdt\"") }
      tables = known
    }
    if let node = root.member("hypervisor") {
      let known = HypervisorChoice.allCases.first { node.isString($0.word) }
      guard let known else {
        throw .unknownWord("hypervisor", node.string ?? "", choices: "\"auto\", \"soft\" or \"kvm\"")
      }
      hypervisor = known
    }
  }

  private static func number(_ node: JSONNode, _ key: StaticString) throws(MachineDescriptionError) -> Int {
    guard let value = node.integer else { throw .wrongType(key, needs: "a whole number") }
    return value
  }

  private static func text(_ node: JSONNode, _ key: StaticString) throws(MachineDescriptionError) -> String {
    guard let value = node.string else { throw .wrongType(key, needs: "a string") }
    return value
  }

  /// Throws unless this can be a machine: name, numbers, lengths. Descriptions made in memory are checked by it too.
  public func check() throws(MachineDescriptionError) {
    guard MachineDescription.isName(name) else { throw .badName }
    guard !kernel.utf8.isEmpty || firmware != nil else { throw .noKernel }
    try checkDevices()
    do {
      try MachineLimits.checkVCPUs(vcpus)
      try MachineLimits.checkRAM(memory)
      try MachineLimits.checkCommandLine(commandLine.utf8.count)
    } catch { throw .limit(error) }
  }

  /// Whether `name` can name a machine: it becomes a file name.
  public static func isName(_ name: String) -> Bool {
    guard (1...64).contains(name.utf8.count), name.utf8.first != 0x2e else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2d: true
      default: false
      }
    }
  }

  /// The document that `parse` reads, on one line.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("name", name)
    writer.member("vcpus", vcpus)
    writer.member("memory", memory)
    writer.member("kernel", kernel)
    if let initrd { writer.member("initrd", initrd) }
    writer.member("commandLine", commandLine)
    writer.member("tables", tables.word.ascii)
    writer.member("hypervisor", hypervisor.word.ascii)
    if let programs { writer.member("programs", programs) }
    writeDevices(to: &writer)
    writer.endObject()
    return writer.line()
  }
}
