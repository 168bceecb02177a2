import PCIeModel
import Testing

@Suite("PCIe: configuration space")
struct ConfigurationTests {
  @Test("where no function is, all ones", arguments: [1, 2, 4, 8] as [UInt8])
  func nothing(size: UInt8) {
    var rig = PCIeRig(.entropy)
    let ones = size == 8 ? UInt64.max : 1 << (8 * UInt64(size)) - 1
    #expect(rig.config(2, 0, size) == ones)
    #expect(rig.read(PCIWindow.ecam, 1 << 15 | 1 << 12, size) == ones, "function 1 of slot 1")
    #expect(rig.read(PCIWindow.ecam, 1 << 20, size) == ones, "bus 1")
    #expect(rig.read(PCIWindow.ecam, 128 << 20 - UInt32(size), size) == ones)
    #expect(rig.read(PCIWindow.ports, 0x60, size) == ones)
    #expect(rig.read(PCIWindow.memory, 0x20_0000, size) == ones)
    #expect(rig.read(PCIWindow.legacy, 0x100_0000, size) == ones, "type 1")
    #expect(rig.read(PCIWindow.legacy, 2 << 11, size) == ones)
  }

  @Test(
    "registers of a disk after power-on",
    arguments: [
      (0x00, 0x1042_1af4), (0x04, 0x0010_0002), (0x08, 0x0100_0001), (0x0c, 0), (0x10, 0x4001_0004), (0x14, 0),
      (0x18, 0), (0x1c, 0), (0x20, 0), (0x24, 0), (0x28, 0), (0x2c, 0x1042_1af4), (0x30, 0), (0x34, 0x40), (0x38, 0),
      (0x3c, 0), (0x40, 0x0002_5011), (0x44, 0x8000), (0x48, 0xc000), (0x50, 0x0110_6009), (0x54, 0), (0x58, 0),
      (0x5c, 0x1000), (0x60, 0x0214_7409), (0x64, 0), (0x68, 0x4000), (0x6c, 0x1000), (0x70, 4), (0x74, 0x0310_8409),
      (0x78, 0), (0x7c, 0x1000), (0x80, 0x1000), (0x84, 0x0410_9409), (0x88, 0), (0x8c, 0x2000), (0x90, 0x1000),
      (0x94, 0x0514_0009), (0x98, 0), (0x9c, 0), (0xa0, 0), (0xfc, 0), (0x100, 0), (0xffc, 0),
    ] as [(UInt32, UInt64)])
  func registers(register: UInt32, value: UInt64) {
    var rig = PCIeRig(.disk)
    #expect(rig.config(1, register) == value)
    // Each byte and half of it is the same bits, and the LS7A's window shows the first 256 bytes.
    for byte in 0..<UInt32(4) { #expect(rig.config(1, register + byte, 1) == value >> (8 * byte) & 0xff) }
    #expect(rig.config(1, register + 1, 2) == value >> 8 & 0xffff)
    if register < 0x100 { #expect(rig.read(PCIWindow.legacy, 1 << 11 | register, 4) == value) }
  }

  @Test("the host bridge is Loongson's and has nothing to write")
  func bridge() {
    var rig = PCIeRig()
    #expect(rig.config(0, 0x00) == 0x7a00_0014)
    #expect(rig.config(0, 0x08) == 0x0600_0000)
    rig.setConfig(0, 0x04, 4, .max)
    rig.setConfig(0, 0x10, 4, .max)
    #expect(rig.config(0, 0x04) == 0)
    #expect(rig.config(0, 0x10) == 0)
  }

  @Test(
    "an access over the border of two words or functions is the bytes at each address",
    arguments: [(0x2e, 8), (0x33, 2), (0x32, 4), (0x3d, 8)] as [(UInt32, UInt8)])
  func straddling(register: UInt32, size: UInt8) {
    var rig = PCIeRig(.disk)
    var bytes: UInt64 = 0
    for byte in 0..<UInt32(size) { bytes |= rig.config(1, register + byte, 1) << (8 * byte) }
    #expect(rig.config(1, register, size) == bytes)
    // The last byte of slot 1's configuration, and what follows it in the address space: function 1.
    #expect(rig.config(1, 0xfff, 2) == 0xff00)
  }

  @Test("writing ones to a BAR and reading back tells its size")
  func sizing() {
    var rig = PCIeRig(.disk)
    rig.setConfig(1, 0x10, 4, 0xffff_ffff)
    rig.setConfig(1, 0x14, 4, 0xffff_ffff)
    #expect(rig.config(1, 0x10) == 0xffff_0004)
    #expect(rig.config(1, 0x14) == 0xffff_ffff)
    for other in stride(from: UInt32(0x18), through: 0x30, by: 4) where other < 0x28 || other == 0x30 {
      rig.setConfig(1, other, 4, 0xffff_ffff)
      #expect(rig.config(1, other) == 0)
    }
  }

  @Test("a BAR is decoded where it was put, and only while memory space is on")
  func moving() {
    var rig = PCIeRig(.disk)
    rig.setConfig(1, 0x10, 4, 0x4ffa_1234)
    #expect(rig.config(1, 0x10) == 0x4ffa_0004)
    #expect(rig.read(PCIWindow.memory, 0x0ffa_0012, 2) == 2, "num_queues")
    #expect(rig.bar(1, 0x12, 2) == 0xffff)
    rig.setConfig(1, 0x04, 2, 0)
    #expect(rig.read(PCIWindow.memory, 0x0ffa_0012, 2) == 0xffff)
    #expect(rig.function(1).doorbell(0) == nil)
    rig.setConfig(1, 0x04, 2, 2)
    #expect(rig.function(1).doorbell(1) == 0x4ffa_4004)
    rig.setConfig(1, 0x14, 4, 1)
    #expect(rig.read(PCIWindow.memory, 0x0ffa_0012, 2) == 0xffff, "beyond the window")
    #expect(rig.function(1).doorbell(1) == nil)
  }

  @Test("of the command register memory, bus master and INTx disable are stored")
  func command() {
    var rig = PCIeRig(.disk)
    rig.setConfig(1, 0x04, 4, 0xffff_ffff)
    #expect(rig.config(1, 0x04) == 0x0010_0406)
    rig.setConfig(1, 0x05, 1, 0)
    #expect(rig.config(1, 0x04, 2) == 0x0006)
  }

  @Test("the BAR is reachable through configuration space, in 1, 2 and 4 bytes")
  func accessWindow() {
    var rig = PCIeRig(.disk)
    rig.setConfig(1, 0x04, 2, 0)
    #expect(rig.config(1, 0xa4) == 0xffff_ffff, "no length chosen")
    rig.setConfig(1, 0x9c, 4, 0x14)
    rig.setConfig(1, 0xa0, 4, 1)
    rig.setConfig(1, 0xa4, 4, 0x1234_5601)
    #expect(rig.config(1, 0xa4, 1) == 1, "device_status")
    rig.setConfig(1, 0x9c, 4, 0x2002)
    rig.setConfig(1, 0xa0, 4, 2)
    #expect(rig.config(1, 0xa4, 2) == 0x0403)
    rig.setConfig(1, 0x9c, 4, 0x2008)
    rig.setConfig(1, 0xa0, 4, 4)
    #expect(rig.config(1, 0xa4) == 0x0c0b_0a09)
    for (bar, offset, length) in [(1, 0x2008, 4), (0, 0x2009, 4), (0, 0x1_0000, 4), (0, 0x2008, 3), (0, 0x2008, 8)] {
      rig.setConfig(1, 0x98, 1, UInt64(bar))
      rig.setConfig(1, 0x9c, 4, UInt64(offset))
      rig.setConfig(1, 0xa0, 4, UInt64(length))
      #expect(rig.config(1, 0xa4) == 0xffff_ffff)
    }
  }

  /// What Linux's PCI core and virtio-pci driver do to find a device (drivers/pci/probe.c, virtio_pci_modern_dev.c).
  @Test("a walk over bus 0 and the capability lists finds both functions and their structures")
  func enumeration() {
    var rig = PCIeRig(.entropy, .disk)
    var found: [Int: UInt64] = [:]
    for slot in 0..<32 where rig.config(slot, 0) & 0xffff != 0xffff {
      found[slot] = rig.config(slot, 2, 2)
      #expect(rig.config(slot, 0x0e, 1) == 0, "header type 0, one function")
    }
    #expect(found == [0: 0x7a00, 1: 0x1044, 2: 0x1042])
    var structures: [UInt64: UInt64] = [:]
    var ids: [UInt64] = []
    var place = UInt32(rig.config(2, 0x34, 1))
    while place != 0 {
      let id = rig.config(2, place, 1)
      ids.append(id)
      if id == 9 { structures[rig.config(2, place + 3, 1)] = rig.config(2, place + 8) }
      place = UInt32(rig.config(2, place + 1, 1))
    }
    #expect(ids == [0x11, 9, 9, 9, 9, 9])
    #expect(structures == [1: 0, 2: 0x4000, 3: 0x1000, 4: 0x2000, 5: 0])
  }
}
