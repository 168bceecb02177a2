// The devices and the firmware of a machine description.

extension MachineDescription {
  /// Functions that fit on the bus besides the host bridge.
  public static var deviceLimit: Int { 16 }

  mutating func readDevices(_ root: JSONNode) throws(MachineDescriptionError) {
    if let node = root.member("devices") {
      guard node.isArray else { throw .wrongType("devices", needs: "a list of devices") }
      for (index, element) in node.elements.enumerated() {
        guard index < MachineDescription.deviceLimit else { throw .tooManyDevices(node.elements.count) }
        do { devices.append(try DeviceDescription(element)) } catch { throw .device(index + 1, error) }
      }
    }
    guard let node = root.member("firmware") else { return }
    guard node.isObject, let code = node.member("code")?.string, node.keyOutside(["code", "variables"]) == nil else {
      throw .wrongType("firmware", needs: "an object with \"code\" and perhaps \"variables\"")
    }
    let variables = node.member("variables")
    if let variables, variables.string == nil { throw .wrongType("variables", needs: "a string") }
    firmware = FirmwareDescription(code: code, variables: variables?.string)
  }

  func writeDevices(to writer: inout JSONWriter) {
    if !devices.isEmpty {
      writer.beginArray("devices")
      for device in devices { device.write(to: &writer) }
      writer.endArray()
    }
    guard let firmware else { return }
    writer.beginObject("firmware")
    writer.member("code", firmware.code)
    if let variables = firmware.variables { writer.member("variables", variables) }
    writer.endObject()
  }

  func checkDevices() throws(MachineDescriptionError) {
    guard devices.count <= MachineDescription.deviceLimit else { throw .tooManyDevices(devices.count) }
    var terminals = 0
    for (index, device) in devices.enumerated() {
      do { try device.check() } catch { throw .device(index + 1, error) }
      if case .console(true) = device.kind { terminals += 1 }
      if terminals > 1 { throw .device(index + 1, .contradiction("the terminal can be at one console only")) }
    }
  }

  /// The names of the devices' processes: block0, net0, net1, …, in the order of `devices`.
  public var deviceNames: [String] {
    devices.indices.map { index in
      let stem = devices[index].stem
      let earlier = devices[..<index].filter { same($0.stem.ascii, stem.ascii) }.count
      return "\(stem.ascii)\(earlier)"
    }
  }

  /// Whether the machine's terminal is at a virtio console and not at the UART.
  public var terminalIsVirtio: Bool {
    devices.contains { device in
      if case .console(true) = device.kind { return true }
      return false
    }
  }
}
