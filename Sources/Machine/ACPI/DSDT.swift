// The namespace: devices that the guest finds by name (ACPI 6.5, 5.2.11.1). Deliberately absent: _PRT, because every
// function uses MSI-X and none has an interrupt pin.

/// Builder of the differentiated system description table's body.
public enum DSDT {
  /// AML for a machine with `vcpus` processors, 1 to 256.
  public static func body(vcpus: Int) -> [UInt8] {
    let system = AML.scope(
      "\\_SB", processors(vcpus) + [serial, realTimeClock, powerButton, eventDevice, hostBridge])
    // A sleep type of S5 is all that a hardware-reduced machine needs to be switched off.
    let off = AML.named(
      "\\_S5", .package([.integer(UInt64(PowerRegister.sleepTypeOff)), .integer(0), .integer(0), .integer(0)]))
    return system.bytes + off.bytes
  }

  private static func processors(_ count: Int) -> [AML] {
    (0..<count).map { number in
      .device(processorName(number), [.named("_HID", .string("ACPI0007")), .named("_UID", .integer(UInt64(number)))])
    }
  }

  private static func processorName(_ number: Int) -> String {
    let digits = String(number, radix: 16, uppercase: true)
    return "C" + String(repeating: "0", count: max(0, 3 - digits.utf8.count)) + digits
  }

  private static func gsi(_ pin: UInt32) -> UInt32 { InterruptPin.firstGSI + pin }

  /// "16550A-compatible COM port". Its clock is then the PC's 1.8432 MHz, which the divisor of a virtual port ignores.
  private static var serial: AML {
    .device(
      "COM0",
      [
        .named("_HID", .string("PNP0501")),
        .named("_UID", .integer(0)),
        .named(
          "_CRS",
          .resources([.memory(MemoryMap.serialPort), .edgeInterrupt(gsi: gsi(InterruptPin.serial))])),
      ])
  }

  private static var realTimeClock: AML {
    .device(
      "RTC0",
      [
        .named("_HID", .string("LOON0001")),
        .named("_UID", .integer(0)),
        .named(
          "_CRS",
          .resources([.memory(MemoryMap.realTimeClock), .edgeInterrupt(gsi: gsi(InterruptPin.realTimeClock))])),
      ])
  }

  /// PCI Express host bridge (PCI Firmware Specification 3.3, 4): segment 0; its configuration space is in the MCFG. The
  /// guest may control every PCIe feature that it asks for (_OSC): nothing of ours contends for one.
  private static var hostBridge: AML {
    .device(
      "PCI0",
      [
        .named("_HID", .string("PNP0A08")),
        .named("_CID", .string("PNP0A03")),
        .named("_SEG", .integer(0)),
        .named("_BBN", .integer(0)),
        .named("_UID", .integer(0)),
        .named("_CCA", .integer(1)),
        .named(
          "_CRS",
          .resources([
            .buses(PCIHost.buses),
            .memoryWindow(MemoryMap.pciMemory),
            .portWindow(
              first: PCIHost.firstPort, count: PCIHost.portCount, translation: MemoryMap.pciPorts.start),
          ])),
        .method("_OSC", arguments: 4, [.returned(.argument(3))]),
      ])
  }

  private static var powerButton: AML {
    .device("PWRB", [.named("_HID", .string("PNP0C0C")), .named("_UID", .integer(0))])
  }

  /// Generic event device (5.6.9): on its interrupt the guest reads what happened, and reading clears it.
  private static var eventDevice: AML {
    .device(
      "GED0",
      [
        .named("_HID", .string("ACPI0013")),
        .named("_UID", .integer(0)),
        .named("_CRS", .resources([.edgeInterrupt(gsi: gsi(InterruptPin.power))])),
        .memoryRegion("EREG", address: PowerRegister.eventSelect, size: 4),
        .wordField("EREG", unit: "ESEL", bits: 32),
        .method(
          "_EVT", arguments: 1,
          [
            .store(.reference("ESEL"), to: .local0),
            .when(
              .and(.local0, .integer(UInt64(PowerRegister.powerButtonEvent))),
              [.notify("\\_SB.PWRB", 0x80)]),
          ]),
      ])
  }
}
