/// How a machine starts in its boot ROM.
public enum FirmwareEntry {
  /// Where EDK2's OvmfPkg/LoongArchVirt expects the device tree (PcdDeviceTreeInitialBaseAddress).
  public static let deviceTree: UInt64 = 0x10_0000

  /// What the firmware finds in RAM: the device tree with fw_cfg, flash and everything else. The shape must have passed
  /// `check`; its command line is not used.
  public static func blobs(_ shape: MachineShape) -> [Blob] {
    [
      Blob(
        address: deviceTree,
        bytes: MachineTree.blob(
          vcpus: shape.vcpus, ramBytes: shape.ramBytes, commandLine: [], initrd: nil, firmware: true))
    ]
  }

  /// Every processor starts with the first byte of the ROM; the firmware parks all but the first.
  public static var entryPoint: EntryPoint {
    EntryPoint(pc: MemoryMap.flashCode.start, a0: 0, a1: 0, a2: 0, park: MemoryMap.flashCode.start)
  }
}
