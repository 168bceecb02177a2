// The device tree of the machine, for guests without ACPI (`--tables fdt`). Bindings: Linux
// Documentation/devicetree/bindings. Deliberately absent: an interrupt-map, because every function uses MSI-X.

/// Builder of the machine's device tree.
public enum MachineTree {
  /// Linux maps only this much of a tree that EFI hands over.
  public static let maximumSize = 64 << 10

  private enum Phandle {
    static let cpuController: UInt32 = 1
    static let extended: UInt32 = 2
    static let bridge: UInt32 = 3
    static let power: UInt32 = 4
    static let message: UInt32 = 5
  }
  /// Interrupt cell: rising edge.
  private static let risingEdge: UInt32 = 1
  /// Hz, what the divisor of the virtual UART would divide.
  private static let serialClock: UInt32 = 100_000_000

  /// The tree for `vcpus` processors (1 to 256), at most 64 KiB; with `firmware` it has what only firmware uses.
  public static func blob(
    vcpus: Int, ramBytes: UInt64, commandLine: [UInt8], initrd: AddressRange?, firmware: Bool = false
  ) -> [UInt8] {
    var tree = FlattenedDeviceTree()
    tree.begin("")
    tree.strings("compatible", "linux,dummy-loongson3")
    tree.strings("model", "Atoll ls7a")
    tree.cells("#address-cells", 2)
    tree.cells("#size-cells", 2)
    chosen(&tree, commandLine: commandLine, initrd: initrd)
    memory(&tree, ramBytes: ramBytes)
    processors(&tree, count: vcpus)
    interruptControllers(&tree)
    devices(&tree)
    power(&tree)
    if firmware { firmwareDevices(&tree) }
    return tree.blob()
  }

  private static func chosen(_ tree: inout FlattenedDeviceTree, commandLine: [UInt8], initrd: AddressRange?) {
    tree.node("chosen") {
      $0.strings("stdout-path", "/" + name("serial", MemoryMap.serialPort))
      $0.property("bootargs", bytes: commandLine + [0])
      guard let initrd else { return }
      $0.cells("linux,initrd-start", high(initrd.start), low(initrd.start))
      $0.cells("linux,initrd-end", high(initrd.end), low(initrd.end))
    }
  }

  private static func memory(_ tree: inout FlattenedDeviceTree, ramBytes: UInt64) {
    for part in RAMLayout.ranges(bytes: ramBytes) {
      tree.node(name("memory", part.range)) {
        $0.strings("device_type", "memory")
        $0.registers(part.range)
      }
    }
  }

  private static func processors(_ tree: inout FlattenedDeviceTree, count: Int) {
    tree.node("cpus") {
      $0.cells("#address-cells", 1)
      $0.cells("#size-cells", 0)
      for number in 0..<count {
        $0.node("cpu@" + String(number, radix: 16)) {
          $0.strings("device_type", "cpu")
          $0.strings("compatible", "loongarch,Loongson-3A5000")
          $0.cells("reg", UInt32(number))
        }
      }
    }
  }

  // MARK: interrupts

  private static func interruptControllers(_ tree: inout FlattenedDeviceTree) {
    tree.node("cpuic") {
      $0.strings("compatible", "loongson,cpu-interrupt-controller")
      controller(&$0, Phandle.cpuController, cells: 1)
    }
    tree.node("eiointc@1400") {
      $0.strings("compatible", "loongson,ls2k2000-eiointc")
      $0.registers(AddressRange(0x1400, 0x800))
      controller(&$0, Phandle.extended, cells: 1, parent: Phandle.cpuController)
      $0.cells("interrupts", 3)
    }
    tree.node(name("platic", MemoryMap.interruptController)) {
      $0.strings("compatible", "loongson,pch-pic-1.0")
      $0.registers(AddressRange(MemoryMap.interruptController.start, 0x400))
      controller(&$0, Phandle.bridge, cells: 2, parent: Phandle.extended)
      $0.cells("loongson,pic-base-vec", 0)
    }
    tree.node(name("msi", MemoryMap.messageInterrupts)) {
      $0.strings("compatible", "loongson,pch-msi-1.0")
      $0.registers(MemoryMap.messageInterrupts)
      controller(&$0, Phandle.message, cells: 1, parent: Phandle.extended)
      $0.flag("msi-controller")
      $0.cells("loongson,msi-base-vec", 64)
      $0.cells("loongson,msi-num-vecs", 192)
    }
  }

  private static func controller(
    _ tree: inout FlattenedDeviceTree, _ phandle: UInt32, cells: UInt32, parent: UInt32? = nil
  ) {
    tree.flag("interrupt-controller")
    tree.cells("#interrupt-cells", cells)
    tree.cells("phandle", phandle)
    if let parent { tree.cells("interrupt-parent", parent) }
  }

  private static func interrupt(_ tree: inout FlattenedDeviceTree, pin: UInt32) {
    tree.cells("interrupt-parent", Phandle.bridge)
    tree.cells("interrupts", pin, risingEdge)
  }

  // MARK: devices

  private static func devices(_ tree: inout FlattenedDeviceTree) {
    tree.node(name("serial", MemoryMap.serialPort)) {
      $0.strings("compatible", "ns16550a")
      $0.registers(MemoryMap.serialPort)
      $0.cells("clock-frequency", serialClock)
      interrupt(&$0, pin: InterruptPin.serial)
    }
    tree.node(name("rtc", MemoryMap.realTimeClock)) {
      $0.strings("compatible", "loongson,ls7a-rtc")
      $0.registers(MemoryMap.realTimeClock)
      interrupt(&$0, pin: InterruptPin.realTimeClock)
    }
    // Without it Linux maps no I/O ports, and Debian's built-in PS/2 driver faults when it probes port 0x64.
    tree.node(name("isa", MemoryMap.pciPorts)) {
      $0.strings("compatible", "isa")
      $0.strings("device_type", "isa")
      $0.cells("#address-cells", 2)
      $0.cells("#size-cells", 1)
      let ports = MemoryMap.pciPorts
      $0.cells("ranges", 1, 0, high(ports.start), low(ports.start), PCIHost.firstPort)
    }
    hostBridge(&tree)
  }

  /// Bindings: pci/host-generic-pci and pci/pci-msi. Space codes of `ranges` (IEEE 1275 PCI binding, 2.2.1.1): 1 I/O,
  /// 2 memory below 4 GiB.
  private static func hostBridge(_ tree: inout FlattenedDeviceTree) {
    tree.node(name("pcie", MemoryMap.pcieConfiguration)) {
      $0.strings("compatible", "pci-host-ecam-generic")
      $0.strings("device_type", "pci")
      $0.cells("#address-cells", 3)
      $0.cells("#size-cells", 2)
      $0.cells("linux,pci-domain", 0)
      $0.cells("bus-range", 0, UInt32(PCIHost.buses) - 1)
      $0.flag("dma-coherent")
      $0.registers(MemoryMap.pcieConfiguration)
      let ports = MemoryMap.pciPorts.start + UInt64(PCIHost.firstPort)
      let memory = MemoryMap.pciMemory
      $0.cells(
        "ranges",
        1 << 24, 0, PCIHost.firstPort, high(ports), low(ports), 0, PCIHost.portCount,
        2 << 24, high(memory.start), low(memory.start), high(memory.start), low(memory.start), high(memory.size),
        low(memory.size))
      $0.cells("msi-map", 0, Phandle.message, 0, 0x1_0000)
    }
  }

  private static func firmwareDevices(_ tree: inout FlattenedDeviceTree) {
    let interface = MemoryMap.firmwareConfiguration
    tree.node(name("fw_cfg", interface)) {
      $0.strings("compatible", "qemu,fw-cfg-mmio")
      // Without the last register, which is that of DMA.
      $0.registers(AddressRange(interface.start, 0x10))
    }
    tree.node(name("flash", MemoryMap.flashCode)) {
      $0.strings("compatible", "cfi-flash")
      let (code, variables) = (MemoryMap.flashCode, MemoryMap.flashVariables)
      $0.cells(
        "reg", high(code.start), low(code.start), high(code.size), low(code.size), high(variables.start),
        low(variables.start), high(variables.size), low(variables.size))
      $0.cells("bank-width", 4)
    }
  }

  private static func power(_ tree: inout FlattenedDeviceTree) {
    let registers = AddressRange(PowerRegister.sleepControl, 3)
    tree.node(name("ged", registers)) {
      $0.strings("compatible", "syscon")
      $0.registers(registers)
      $0.cells("reg-shift", 0)
      $0.cells("reg-io-width", 1)
      $0.cells("phandle", Phandle.power)
    }
    switchNode(
      &tree, "reboot", offset: PowerRegister.reset - PowerRegister.sleepControl, value: PowerRegister.resetValue)
    switchNode(&tree, "poweroff", offset: 0, value: PowerRegister.powerOffValue)
  }

  private static func switchNode(_ tree: inout FlattenedDeviceTree, _ name: String, offset: UInt64, value: UInt8) {
    tree.node(name) {
      $0.strings("compatible", "syscon-" + name)
      $0.cells("regmap", Phandle.power)
      $0.cells("offset", low(offset))
      $0.cells("value", UInt32(value))
    }
  }

  private static func name(_ kind: String, _ range: AddressRange) -> String {
    kind + "@" + String(range.start, radix: 16)
  }
  private static func high(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value >> 32) }
  private static func low(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }
}
