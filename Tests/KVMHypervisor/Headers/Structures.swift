@testable import KVMHypervisor

/// A size or an offset, and the same in C.
struct Layout {
  /// The structure, or "Structure.field".
  let name: String
  let value: UInt64
  let expression: String

  /// A structure's size.
  static func size<T>(_ type: T.Type, _ c: String) -> Layout {
    Layout(name: "\(type)", value: UInt64(MemoryLayout<T>.size), expression: "sizeof(struct \(c))")
  }

  /// A field's offset.
  static func field<T, F>(_ path: KeyPath<T, F>, _ name: String, _ c: String, _ field: String) -> Layout {
    Layout(
      name: "\(T.self).\(name)", value: UInt64(MemoryLayout<T>.offset(of: path) ?? -1),
      expression: "__builtin_offsetof(struct \(c), \(field))")
  }

  /// Of every structure that crosses into the kernel: its size, and where each field is. Fields that are named padding are
  /// settled by the size and by their neighbours.
  static let all: [Layout] = [
    size(KVMMemoryRegion.self, "kvm_userspace_memory_region"),
    field(\KVMMemoryRegion.slot, "slot", "kvm_userspace_memory_region", "slot"),
    field(\KVMMemoryRegion.flags, "flags", "kvm_userspace_memory_region", "flags"),
    field(\KVMMemoryRegion.guestAddress, "guestAddress", "kvm_userspace_memory_region", "guest_phys_addr"),
    field(\KVMMemoryRegion.size, "size", "kvm_userspace_memory_region", "memory_size"),
    field(\KVMMemoryRegion.hostAddress, "hostAddress", "kvm_userspace_memory_region", "userspace_addr"),
    size(KVMDirtyLog.self, "kvm_dirty_log"),
    field(\KVMDirtyLog.slot, "slot", "kvm_dirty_log", "slot"),
    field(\KVMDirtyLog.bitmap, "bitmap", "kvm_dirty_log", "dirty_bitmap"),
    size(KVMIRQFD.self, "kvm_irqfd"),
    field(\KVMIRQFD.eventfd, "eventfd", "kvm_irqfd", "fd"),
    field(\KVMIRQFD.gsi, "gsi", "kvm_irqfd", "gsi"),
    field(\KVMIRQFD.flags, "flags", "kvm_irqfd", "flags"),
    field(\KVMIRQFD.resampleFD, "resampleFD", "kvm_irqfd", "resamplefd"),
    size(KVMIOEventFD.self, "kvm_ioeventfd"),
    field(\KVMIOEventFD.match, "match", "kvm_ioeventfd", "datamatch"),
    field(\KVMIOEventFD.address, "address", "kvm_ioeventfd", "addr"),
    field(\KVMIOEventFD.length, "length", "kvm_ioeventfd", "len"),
    field(\KVMIOEventFD.eventfd, "eventfd", "kvm_ioeventfd", "fd"),
    field(\KVMIOEventFD.flags, "flags", "kvm_ioeventfd", "flags"),
    size(KVMIRQLevel.self, "kvm_irq_level"),
    field(\KVMIRQLevel.irq, "irq", "kvm_irq_level", "irq"),
    field(\KVMIRQLevel.level, "level", "kvm_irq_level", "level"),
    size(KVMMessage.self, "kvm_msi"),
    field(\KVMMessage.addressLow, "addressLow", "kvm_msi", "address_lo"),
    field(\KVMMessage.addressHigh, "addressHigh", "kvm_msi", "address_hi"),
    field(\KVMMessage.data, "data", "kvm_msi", "data"),
    field(\KVMMessage.flags, "flags", "kvm_msi", "flags"),
    field(\KVMMessage.deviceID, "deviceID", "kvm_msi", "devid"),
    // Without its entries.
    Layout(
      name: "KVMRoutingHeader", value: UInt64(MemoryLayout<KVMRoutingHeader>.size),
      expression: "__builtin_offsetof(struct kvm_irq_routing, entries)"),
    field(\KVMRoutingHeader.count, "count", "kvm_irq_routing", "nr"),
    field(\KVMRoutingHeader.flags, "flags", "kvm_irq_routing", "flags"),
    size(KVMRoutingEntry.self, "kvm_irq_routing_entry"),
    field(\KVMRoutingEntry.gsi, "gsi", "kvm_irq_routing_entry", "gsi"),
    field(\KVMRoutingEntry.type, "type", "kvm_irq_routing_entry", "type"),
    field(\KVMRoutingEntry.flags, "flags", "kvm_irq_routing_entry", "flags"),
    field(\KVMRoutingEntry.words, "words", "kvm_irq_routing_entry", "u"),
    size(KVMCreateDevice.self, "kvm_create_device"),
    field(\KVMCreateDevice.type, "type", "kvm_create_device", "type"),
    field(\KVMCreateDevice.descriptor, "descriptor", "kvm_create_device", "fd"),
    field(\KVMCreateDevice.flags, "flags", "kvm_create_device", "flags"),
    size(KVMDeviceAttribute.self, "kvm_device_attr"),
    field(\KVMDeviceAttribute.flags, "flags", "kvm_device_attr", "flags"),
    field(\KVMDeviceAttribute.group, "group", "kvm_device_attr", "group"),
    field(\KVMDeviceAttribute.attribute, "attribute", "kvm_device_attr", "attr"),
    field(\KVMDeviceAttribute.address, "address", "kvm_device_attr", "addr"),
    size(KVMOneRegister.self, "kvm_one_reg"),
    field(\KVMOneRegister.id, "id", "kvm_one_reg", "id"),
    field(\KVMOneRegister.address, "address", "kvm_one_reg", "addr"),
    size(KVMRegisters.self, "kvm_regs"),
    field(\KVMRegisters.gpr, "gpr", "kvm_regs", "gpr"),
    field(\KVMRegisters.pc, "pc", "kvm_regs", "pc"),
    size(KVMFloatRegisters.self, "kvm_fpu"),
    field(\KVMFloatRegisters.control, "control", "kvm_fpu", "fcsr"),
    field(\KVMFloatRegisters.conditions, "conditions", "kvm_fpu", "fcc"),
    field(\KVMFloatRegisters.vectors, "vectors", "kvm_fpu", "fpr"),
  ]

  /// What `InlineArray` and a union's parts stand for: counts and offsets beside the fields'.
  static let parts: [Layout] = [
    // The words of a route: {irqchip, pin}, or {address low, address high, data, device}.
    Layout(name: "route to a pin, its irqchip", value: 0, expression: route("irqchip.irqchip")),
    Layout(name: "route to a pin, its pin", value: 4, expression: route("irqchip.pin")),
    Layout(name: "route of a message, low address", value: 0, expression: route("msi.address_lo")),
    Layout(name: "route of a message, high address", value: 4, expression: route("msi.address_hi")),
    Layout(name: "route of a message, its data", value: 8, expression: route("msi.data")),
    Layout(name: "bytes of an FP register", value: 32, expression: "sizeof(((struct kvm_fpu *)0)->fpr[0])"),
    Layout(name: "FP registers", value: 32, expression: "sizeof(((struct kvm_fpu *)0)->fpr) / 32"),
  ]

  private static func route(_ field: String) -> String {
    "__builtin_offsetof(struct kvm_irq_routing_entry, u.\(field)) - __builtin_offsetof(struct kvm_irq_routing_entry, u)"
  }
}
