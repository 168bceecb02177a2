import Testing

@testable import Machine

@Suite struct MemoryMapTests {
  private static let mebibyte: UInt64 = 1 << 20

  @Test(arguments: [64, 255, 256] as [UInt64])
  func ramOfAtMost256MiBIsOnePieceAtZero(mebibytes: UInt64) {
    let ranges = RAMLayout.ranges(bytes: mebibytes * Self.mebibyte)
    #expect(ranges == [RAMRange(AddressRange(0, mebibytes * Self.mebibyte), fileOffset: 0)])
  }

  @Test(arguments: [257, 1024, 65536] as [UInt64])
  func moreRAMContinuesAt0x90000000(mebibytes: UInt64) {
    let ranges = RAMLayout.ranges(bytes: mebibytes * Self.mebibyte)
    #expect(ranges.count == 2)
    #expect(ranges[1].range == AddressRange(0x9000_0000, (mebibytes - 256) * Self.mebibyte))
    #expect(ranges[1].fileOffset == 256 * Self.mebibyte)
  }

  @Test func noRAMHasNoRanges() { #expect(RAMLayout.ranges(bytes: 0).isEmpty) }

  @Test(
    arguments: [
      (AddressRange(0, 16), 0), (AddressRange(0x9000_0000, 16), 0x1000_0000),
      (AddressRange(0x0fff_fff0, 16), 0x0fff_fff0), (AddressRange(0x0fff_fff1, 16), nil),
      (AddressRange(0x1000_0000, 1), nil), (AddressRange(UInt64.max - 3, 8), nil),
    ] as [(AddressRange, UInt64?)])
  func fileOffsetIsGivenForRAMInOnePieceOnly(range: AddressRange, expected: UInt64?) {
    #expect(RAMLayout.fileOffset(of: range, bytes: 512 * Self.mebibyte) == expected)
  }

  @Test func noTwoRegionsOfTheMapOverlap() {
    let regions = [
      MemoryMap.interruptController, MemoryMap.chipConfigurationLow, MemoryMap.chipConfigurationHigh,
      MemoryMap.powerManagement, MemoryMap.acpiRegisters, MemoryMap.realTimeClock, MemoryMap.genericEventDevice,
      MemoryMap.pciPorts, MemoryMap.pciLegacyConfiguration, MemoryMap.flashCode, MemoryMap.flashVariables,
      MemoryMap.hotplug, MemoryMap.firmwareConfiguration, MemoryMap.interProcessorInterrupts,
      MemoryMap.extendedInterrupts, MemoryMap.chipRegisters, MemoryMap.serialPort, MemoryMap.debugConsole,
      MemoryMap.chipMiscellaneous, MemoryMap.pcieConfiguration, MemoryMap.messageInterrupts, MemoryMap.pciMemory,
    ]
    for (index, region) in regions.enumerated() {
      #expect(!region.overlaps(MemoryMap.lowRAM))
      #expect(region.end <= MemoryMap.highRAMStart)
      for other in regions[(index + 1)...] { #expect(!region.overlaps(other), "\(region) and \(other)") }
    }
  }

  @Test func deviceTableIsInTheOrderOfItsKinds() {
    for (index, device) in MachineMap.devices.enumerated() {
      #expect(Int(device.kind.rawValue) == index)
      #expect(!device.regions.isEmpty)
    }
    let pins = MachineMap.devices.compactMap(\.pin).filter { $0 != InterruptPin.none }
    #expect(Set(pins).count == pins.count)
  }

  @Test(
    arguments: [
      (0, MachineLimitError.tooLittleRAM(0)), (1 << 20, .tooLittleRAM(1 << 20)),
      (64 << 20 | 4096, .unevenRAM(64 << 20 | 4096)),
      (1 << 47, .tooMuchRAM(1 << 47)), (64 << 20, nil), (1 << 46, nil),
    ] as [(UInt64, MachineLimitError?)])
  func ramIsCheckedAgainstItsLimits(bytes: UInt64, expected: MachineLimitError?) {
    #expect(error { try MachineLimits.checkRAM(bytes) } == expected)
  }

  /// KVM maps a guest by the host's huge pages only where both addresses have the same remainder: 32 MiB with pages of
  /// 16 KiB, and guest RAM is mapped at a multiple of that (Linux 7.2, arch/loongarch/kvm/mmu.c; reference A.6).
  @Test(arguments: [64 << 20, 256 << 20, 257 << 20, 1 << 30, 5 << 30] as [UInt64])
  func everyPartOfRAMIsCongruentWithItsPlaceInTheFile(bytes: UInt64) {
    for part in RAMLayout.ranges(bytes: bytes) {
      #expect(part.range.start % (32 << 20) == part.fileOffset % (32 << 20))
    }
  }

  @Test(arguments: [(0, false), (1, true), (256, true), (257, false), (-1, false)])
  func vcpusAre1To256(count: Int, fine: Bool) {
    #expect(error { try MachineLimits.checkVCPUs(count) } == (fine ? nil : .badVCPUCount(count)))
  }

  @Test func commandLineOf4096BytesFitsAnd4097DoesNot() {
    #expect(error { try MachineLimits.checkCommandLine(4096) } == nil)
    #expect(error { try MachineLimits.checkCommandLine(4097) } == .longCommandLine(4097))
  }

  private func error(_ body: () throws -> Void) -> MachineLimitError? {
    do {
      try body()
      return nil
    } catch {
      return error as? MachineLimitError
    }
  }
}
