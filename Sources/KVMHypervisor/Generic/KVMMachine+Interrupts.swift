import Hypervisor
import System

/// What a GSI, KVM's number of an interrupt, leads to.
public enum KVMRoute: Sendable {
  /// A pin of an interrupt controller in the kernel.
  case pin(gsi: UInt32, irqchip: UInt32, pin: UInt32)
  /// A message.
  case message(gsi: UInt32, address: UInt64, data: UInt32)

  var entry: KVMRoutingEntry {
    var entry = KVMRoutingEntry()
    switch self {
    case .pin(let gsi, let irqchip, let pin):
      (entry.gsi, entry.type) = (gsi, KVMRoutingEntry.irqchip)
      (entry.words[0], entry.words[1]) = (irqchip, pin)
    case .message(let gsi, let address, let data):
      (entry.gsi, entry.type) = (gsi, KVMRoutingEntry.msi)
      entry.words[0] = UInt32(truncatingIfNeeded: address)
      entry.words[1] = UInt32(truncatingIfNeeded: address >> 32)
      entry.words[2] = data
    }
    return entry
  }
}

extension KVMMachine {
  /// Replaces all routes.
  public func setRoutes(_ routes: [KVMRoute]) throws(HypervisorError) {
    let header = MemoryLayout<KVMRoutingHeader>.size
    let stride = MemoryLayout<KVMRoutingEntry>.stride
    let table = UnsafeMutableRawPointer.allocate(byteCount: header + routes.count * stride, alignment: 8)
    defer { table.deallocate() }
    table.storeBytes(of: KVMRoutingHeader(count: UInt32(routes.count)), as: KVMRoutingHeader.self)
    for (index, route) in routes.enumerated() {
      table.storeBytes(of: route.entry, toByteOffset: header + index * stride, as: KVMRoutingEntry.self)
    }
    try calls.request(descriptor, .setGSIRouting, number: UInt(bitPattern: table))
  }

  /// From now on each signal of `eventfd` raises `gsi`, whoever signals it; if it has been signalled already, once at once.
  /// The descriptor is borrowed until `unbind`. Throws `badBinding` if the eventfd raises something already.
  public func bind(_ eventfd: Int32, gsi: UInt32) throws(HypervisorError) {
    var request = KVMIRQFD(eventfd: UInt32(bitPattern: eventfd), gsi: gsi)
    let result = calls.attempt(descriptor, .irqfd, &request)
    switch result {
    case 0...: return
    case -Int(Errno.busy): throw .badBinding(UInt64(gsi))
    default: throw .system(SystemError(KVMRequest.irqfd.name, Int32(truncatingIfNeeded: 0 - result)))
    }
  }

  /// Ends what `bind` began; a signal that comes later stays in the eventfd.
  public func unbind(_ eventfd: Int32, gsi: UInt32) {
    var request = KVMIRQFD(eventfd: UInt32(bitPattern: eventfd), gsi: gsi, flags: KVMIRQFD.deassign)
    _ = calls.attempt(descriptor, .irqfd, &request)
  }

  /// Drives the line of `gsi`.
  public func setLine(gsi: UInt32, level: Bool) throws(HypervisorError) {
    var request = KVMIRQLevel(irq: gsi, level: level ? 1 : 0)
    try calls.request(descriptor, .irqLine, &request)
  }

  /// Raises a message-signalled interrupt. Any thread may.
  public func signal(address: UInt64, data: UInt32) throws(HypervisorError) {
    var message = KVMMessage(
      addressLow: UInt32(truncatingIfNeeded: address), addressHigh: UInt32(truncatingIfNeeded: address >> 32),
      data: data)
    try calls.request(descriptor, .signalMSI, &message)
  }
}
