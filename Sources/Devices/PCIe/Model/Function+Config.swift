extension VirtioFunction {
  /// A word of configuration space; `offset` is below 4096. There are no extended capabilities: they read 0, which ends
  /// their list.
  mutating func readConfig(_ word: Word) -> UInt32 {
    switch word.offset {
    case ConfigRegister.identity: Identity.virtio(deviceID)
    // Status: there is a list of capabilities (bit 4).
    case ConfigRegister.command: UInt32(command) | 0x10 << 16
    case ConfigRegister.classCode: Identity.classCode(deviceID)
    case ConfigRegister.cacheLine: UInt32(cacheLine)
    // A 64-bit memory BAR (bits 2:1 = 2), not prefetchable.
    case ConfigRegister.barLow: UInt32(truncatingIfNeeded: bar) | 4
    case ConfigRegister.barHigh: UInt32(truncatingIfNeeded: bar >> 32)
    // virtio 4.1.2.1: a subsystem device number of at least 0x40.
    case ConfigRegister.subsystem: Identity.virtio(deviceID)
    case ConfigRegister.capabilities: ConfigRegister.msix
    // Interrupt pin 0: there is no INTx.
    case ConfigRegister.interruptLine: UInt32(interruptLine)
    default: readCapabilities(word)
    }
  }

  private mutating func readCapabilities(_ word: Word) -> UInt32 {
    switch word.offset {
    case ConfigRegister.msix:
      0x11 | ConfigRegister.commonCapability << 8 | UInt32(vectors.control) << 16
    case ConfigRegister.msix + 4: BARLayout.vectorTable
    case ConfigRegister.msix + 8: BARLayout.pendingBits
    case ConfigRegister.accessCapability + 4: UInt32(window.bar)
    case ConfigRegister.accessCapability + 8: window.offset
    case ConfigRegister.accessCapability + 12: window.length
    case ConfigRegister.accessData: readThroughWindow(word)
    default: Capability.word(word.offset)
    }
  }

  /// Stores to what is not listed go nowhere.
  mutating func writeConfig(_ word: Word) {
    switch word.offset {
    case ConfigRegister.command where word.coversLow: writeCommand(word.mergedLow(into: command))
    case ConfigRegister.cacheLine where word.covers(0xff): cacheLine = UInt8(truncatingIfNeeded: word.value)
    case ConfigRegister.barLow:
      // Writing ones and reading back tells the size: the bits below it stay 0.
      let low = word.merged(into: UInt32(truncatingIfNeeded: bar)) & ~UInt32(BARLayout.size - 1)
      bar = bar & ~0xffff_ffff | UInt64(low)
    case ConfigRegister.barHigh:
      bar = bar & 0xffff_ffff | UInt64(word.merged(into: UInt32(truncatingIfNeeded: bar >> 32))) << 32
    case ConfigRegister.interruptLine where word.covers(0xff): interruptLine = UInt8(truncatingIfNeeded: word.value)
    case ConfigRegister.msix where word.coversHigh: vectors.write(control: word.mergedHigh(into: vectors.control))
    default: writeWindow(word)
    }
  }

  private mutating func writeCommand(_ value: UInt16) {
    command = value & Command.stored
    vectors.busMaster = command & Command.busMaster != 0
    vectors.release()
  }

  // MARK: Access through configuration space

  private mutating func writeWindow(_ word: Word) {
    switch word.offset {
    case ConfigRegister.accessCapability + 4 where word.covers(0xff): window.bar = UInt8(truncatingIfNeeded: word.value)
    case ConfigRegister.accessCapability + 8: window.offset = word.merged(into: window.offset)
    case ConfigRegister.accessCapability + 12: window.length = word.merged(into: window.length)
    case ConfigRegister.accessData:
      if let target = windowTarget(word) { writeBAR(target) }
    default: break
    }
  }

  private mutating func readThroughWindow(_ word: Word) -> UInt32 {
    guard let target = windowTarget(word) else { return .max }
    return readBAR(target) >> (8 * (window.offset & 3))
  }

  /// The word of BAR 0 behind pci_cfg_data; nil for what virtio 4.1.4.9 forbids a driver to ask for.
  private func windowTarget(_ word: Word) -> Word? {
    guard window.bar == 0, window.length == 1 || window.length == 2 || window.length == 4 else { return nil }
    guard window.offset & (window.length - 1) == 0, UInt64(window.offset) < BARLayout.size else { return nil }
    let shift = 8 * (window.offset & 3)
    let reach: UInt32 = window.length == 4 ? .max : 1 << (8 * window.length) - 1
    let mask = word.mask & reach
    return mask == 0 ? nil : Word(offset: window.offset & ~3, mask: mask << shift, value: word.value << shift)
  }
}

/// The capability list's constant words (virtio 4.1.4; PCIe 7.7.2 for MSI-X, which is served by the function).
enum Capability {
  static func word(_ offset: UInt32) -> UInt32 {
    switch offset {
    case 0x50: header(next: ConfigRegister.notifyCapability, length: 16, type: 1)
    case 0x58: BARLayout.common
    case 0x5c: BARLayout.structure
    case 0x60: header(next: ConfigRegister.isrCapability, length: 20, type: 2)
    case 0x68: BARLayout.notify
    case 0x6c: BARLayout.structure
    case 0x70: BARLayout.notifyStride
    case 0x74: header(next: ConfigRegister.deviceCapability, length: 16, type: 3)
    case 0x7c: BARLayout.isr
    case 0x80: BARLayout.structure
    case 0x84: header(next: ConfigRegister.accessCapability, length: 16, type: 4)
    case 0x8c: BARLayout.device
    case 0x90: BARLayout.structure
    case 0x94: header(next: 0, length: 20, type: 5)
    // Also the words with BAR number 0, id 0 and padding.
    default: 0
    }
  }

  /// A vendor-specific capability of virtio: cap_vndr 9, cap_next, cap_len, cfg_type.
  private static func header(next: UInt32, length: UInt32, type: UInt32) -> UInt32 {
    0x09 | next << 8 | length << 16 | type << 24
  }
}
