/// Instructions of a small guest in real mode whose data segments are flat: base 0, limit 4 GiB, so that one instruction
/// reaches any address below 4 GiB. Only what the guests here need. Encodings: AMD64 Architecture Programmer's Manual,
/// volume 3 (revision 3.37); 0x66 and 0x67 select 32-bit operands and addresses in a 16-bit code segment (1.2.2, 1.2.3).
public struct X86Code: Sendable {
  /// Where the first instruction goes; below 64 KiB.
  public let origin: UInt32
  /// The instructions so far.
  public private(set) var bytes: [UInt8] = []

  /// No instructions yet.
  public init(at origin: UInt32) { self.origin = origin }

  /// Where the next instruction goes.
  public var here: UInt32 { origin + UInt32(bytes.count) }

  /// Stores the low `size` (1, 2 or 4) bytes of `value`.
  public mutating func store(_ value: UInt32, size: Int, to address: UInt32) {
    switch size {
    case 1: bytes += [0x67, 0xc6, 0x05]
    case 2: bytes += [0x67, 0xc7, 0x05]
    default: bytes += [0x66, 0x67, 0xc7, 0x05]
    }
    word(address, 4)
    word(value, size)
  }

  /// Loads 1, 2 or 4 bytes into EAX, with the sign or with zeroes in front.
  public mutating func load(size: Int, signed: Bool = false, from address: UInt32) {
    switch size {
    case 1: bytes += [0x66, 0x67, 0x0f, signed ? 0xbe : 0xb6, 0x05]
    case 2: bytes += [0x66, 0x67, 0x0f, signed ? 0xbf : 0xb7, 0x05]
    default: bytes += [0x66, 0x67, 0x8b, 0x05]
    }
    word(address, 4)
  }

  /// Stores EAX.
  public mutating func storeEAX(to address: UInt32) {
    bytes += [0x66, 0x67, 0x89, 0x05]
    word(address, 4)
  }

  /// Loads 8 bytes into MM0.
  public mutating func loadMM0(from address: UInt32) {
    bytes += [0x67, 0x0f, 0x6f, 0x05]
    word(address, 4)
  }

  /// Stores MM0.
  public mutating func storeMM0(to address: UInt32) {
    bytes += [0x67, 0x0f, 0x7f, 0x05]
    word(address, 4)
  }

  /// Adds 1 to the 32-bit word at `address`.
  public mutating func increment(_ address: UInt32) {
    bytes += [0x66, 0x67, 0xff, 0x05]
    word(address, 4)
  }

  /// The time stamp counter into EDX:EAX.
  public mutating func readTimeStamp() { bytes += [0x0f, 0x31] }

  /// Stores EDX:EAX, the low half first.
  public mutating func storeTimeStamp(to address: UInt32) {
    storeEAX(to: address)
    bytes += [0x66, 0x67, 0x89, 0x15]
    word(address + 4, 4)
  }

  /// STI: interrupts come in after the next instruction.
  public mutating func enableInterrupts() { bytes.append(0xfb) }
  /// CLI.
  public mutating func disableInterrupts() { bytes.append(0xfa) }
  /// HLT: sleeps until an interrupt comes in.
  public mutating func halt() { bytes.append(0xf4) }
  /// IRET.
  public mutating func returnFromInterrupt() { bytes.append(0xcf) }

  /// A jump to `target`, at most 127 bytes away.
  public mutating func jump(to target: UInt32) {
    let distance = Int(target) - Int(here) - 2
    bytes += [0xeb, UInt8(bitPattern: Int8(distance))]
  }

  private mutating func word(_ value: UInt32, _ size: Int) {
    for i in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * i))) }
  }
}

// The interrupt controllers that every PC has: AMD64 Architecture Programmer's Manual, volume 2, 16.3 and 16.4 (the local
// APIC), and Intel 82093AA (the I/O APIC), 3.0.
extension X86Code {
  /// The local APIC takes interrupts from now on: its spurious interrupt register, enabled.
  public mutating func enableLocalAPIC() { store(0x1ff, size: 4, to: 0xfee0_00f0) }

  /// Ends the interrupt in service.
  public mutating func endInterrupt() { store(0, size: 4, to: 0xfee0_00b0) }

  /// Unmasks `pin` of the I/O APIC, edge-triggered or level-triggered, for `vector` of the CPU with the APIC number 0.
  public mutating func programPin(_ pin: UInt32, vector: UInt8, level: Bool = false) {
    store(0x11 + 2 * pin, size: 4, to: 0xfec0_0000)
    store(0, size: 4, to: 0xfec0_0010)
    store(0x10 + 2 * pin, size: 4, to: 0xfec0_0000)
    store(UInt32(vector) | (level ? 1 << 15 : 0), size: 4, to: 0xfec0_0010)
  }
}
