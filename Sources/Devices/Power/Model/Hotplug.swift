// The register blocks of CPU and memory hot-plug. They are there because firmware and AML look at them; nothing can be plugged.

/// A CPU block and a memory block: all that a guest can store in them is which CPU or slot it means.
///
/// Every register reads 0 (no device is enabled, inserted or removed) but the CPU selector. The memory selector cannot be read:
/// a slot's address stands in its place, and there is no slot.
struct HotplugBlocks: Sendable {
  /// CPU selector, 32 bits at the CPU block's start.
  var cpu: UInt32 = 0
  /// Memory slot selector, 32 bits at the memory block's start.
  var memory: UInt32 = 0

  /// Stores the bits of `value` that `mask` selects into the CPU selector.
  mutating func writeCPU(_ value: UInt32, mask: UInt32) { cpu = (cpu & ~mask) | (value & mask) }

  /// Stores the bits of `value` that `mask` selects into the memory slot selector.
  mutating func writeMemory(_ value: UInt32, mask: UInt32) { memory = (memory & ~mask) | (value & mask) }
}
