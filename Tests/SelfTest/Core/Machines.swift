import Machine

extension Transcript {
  /// The tables that guests read, byte for byte, for machines of several sizes.
  mutating func machineSections() {
    var tables = Digest()
    var trees = Digest()
    var handOvers = Digest()
    for vcpus in [1, 2, 7, 64, 256] {
      for gibibytes in [1, 3, 17] as [UInt64] {
        let ram = gibibytes << 30
        let set = ACPITableSet(vcpus: vcpus, ramBytes: ram, at: 0x0f00_0000)
        tables.add(set.bytes)
        tables.add(set.rootPointer)
        let line = [UInt8]("console=ttyS0 root=/dev/vda".utf8)
        trees.add(MachineTree.blob(vcpus: vcpus, ramBytes: ram, commandLine: line, initrd: nil))
        for deviceTree in [false, true] {
          let shape = MachineShape(vcpus: vcpus, ramBytes: ram, deviceTree: deviceTree, commandLine: line)
          let parts = HandOver(
            shape, kernel: AddressRange(0x20_0000, 0x180_0000), initrd: AddressRange(0x9000_0000, 0x70_0000),
            initrdSize: 0x6f_fedc)
          for blob in parts.blobs {
            handOvers.add(blob.address)
            handOvers.add(blob.bytes)
          }
        }
      }
    }
    add("acpi", tables)
    add("fdt", trees)
    add("handover", handOvers)
  }
}
