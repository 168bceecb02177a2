import CSystem
import Hypervisor
import KVMHypervisor
import System

/// Pins and vectors of the checks.
private enum Trial {
  static let edge: UInt32 = 2
  static let level: UInt32 = 3
  static let masked: UInt32 = 4
  static let messageByEventFD: UInt32 = 100
  static let messageByRequest: UInt32 = 101
  /// Vectors 8 to 11 lead to CPU 1.
  static let messageToOther: UInt32 = 9
}

extension KVMCheck {
  /// Signals eventfds and reads back what the controllers make of it (reference B.2, B.4, H.1). No guest runs.
  func checkInterrupts(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    try raw.makeDevices()
    report.expect(
      "KVM_SET_GSI_ROUTING: 64 pins, 256 messages", "ok",
      seen: outcome { () throws(HypervisorError) in
        try raw.machine.setRoutes(InterruptControllers<Calls>.routes)
      })
    try prepare(raw)
    try checkPins(raw)
    try checkBinding(raw)
    try checkMessages(raw)
  }

  /// The edge and the level pin unmasked, each with its own vector; all vectors on, on line HWI0 of CPU 0.
  private func prepare(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    try raw.setPICRegister(RawPIC.mask, ~(1 << UInt64(Trial.edge) | 1 << UInt64(Trial.level)))
    try raw.setPICRegister(RawPIC.edge, 1 << UInt64(Trial.edge) | 1 << UInt64(Trial.masked))
    for pin in 0..<UInt64(64) {
      try raw.setPICByte(RawPIC.route + pin, 1)
      try raw.setPICByte(RawPIC.vector + pin, UInt8(pin))
    }
    for word in 0..<UInt64(2) { try raw.setExtendedWord(RawEIOINTC.ipMap + word * 4, 0x0101_0101) }
    for word in 0..<UInt64(8) { try raw.setExtendedWord(RawEIOINTC.enable + word * 4, .max) }
    for word in 0..<UInt64(64) {
      // A bit a CPU.
      try raw.setExtendedWord(RawEIOINTC.coreMap + word * 4, word == 2 ? 0x0202_0202 : 0x0101_0101)
    }
    try raw.finishLoading()
    report.expect("nothing signalled", "irr 0x0 isr 0x0 core 0x0", seen: try state(raw))
  }

  /// Request and service bits of the pins, and the first 32 vectors that CPU 0 has pending.
  private func state(_ raw: RawMachine<Calls>) throws(HypervisorError) -> String {
    let request = try raw.picRegister(RawPIC.request)
    let inService = try raw.picRegister(RawPIC.inService)
    let pending = try raw.extendedWord(RawEIOINTC.coreISR)
    return "irr \(hex(request)) isr \(hex(inService)) core \(hex(UInt64(pending)))"
  }

  private func checkPins(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let edge = try makeEvent()
    let level = try makeEvent()
    let masked = try makeEvent()
    try raw.machine.bind(edge.descriptor.raw, gsi: Trial.edge)
    try raw.machine.bind(level.descriptor.raw, gsi: Trial.level)
    try raw.machine.bind(masked.descriptor.raw, gsi: Trial.masked)
    edge.signal()
    report.expect("edge pin 2 signalled", "irr 0x4 isr 0x4 core 0x4", seen: try state(raw))
    report.expect("its eventfd afterwards", "0", seen: "\(edge.drain())")
    edge.signal()
    report.expect("signalled while pending: one", "irr 0x4 isr 0x4 core 0x4", seen: try state(raw))
    try raw.machine.setLine(gsi: Trial.edge, level: false)
    report.expect("KVM_IRQ_LINE 0 of the edge pin: nothing", "irr 0x4 isr 0x4 core 0x4", seen: try state(raw))
    level.signal()
    report.expect("level pin 3 signalled", "irr 0xc isr 0xc core 0xc", seen: try state(raw))
    try raw.machine.setLine(gsi: Trial.level, level: false)
    report.expect("KVM_IRQ_LINE 0 of the level pin: clear", "irr 0x4 isr 0x4 core 0x4", seen: try state(raw))
    masked.signal()
    report.expect("masked edge pin 4 signalled: irr alone", "irr 0x14 isr 0x4 core 0x4", seen: try state(raw))
    report.expect("ESTAT of vCPU 0: HWI0", "0x4", seen: hex(try raw.csr(RawCSR.estat)))
    report.expect("ESTAT of vCPU 1", "0x0", seen: hex(try raw.csr(RawCSR.estat, vcpu: 1)))
    try checkOtherProcess(raw, edge)
    raw.machine.unbind(edge.descriptor.raw, gsi: Trial.edge)
  }

  /// A device process is no child of the one that has the machine, but no less a stranger to it.
  private func checkOtherProcess(
    _ raw: RawMachine<Calls>, _ event: borrowing EventCounter
  ) throws(HypervisorError) {
    try raw.setPICRegister(RawPIC.request, 0)
    try raw.setPICRegister(RawPIC.inService, 0)
    try raw.setExtendedWord(RawEIOINTC.coreISR, 0)
    let child = atoll_signal_from_child(event.descriptor.raw, 0)
    let result = child < 0 ? child : atoll_await_child(child)
    guard result == 0 else { throw .system(SystemError("fork", 0 - result)) }
    report.expect("edge pin 2 signalled by another process", "irr 0x4 isr 0x4 core 0x4", seen: try state(raw))
  }

  private func checkBinding(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let event = try makeEvent()
    let number = event.descriptor.raw
    try raw.machine.bind(number, gsi: Trial.level)
    let again = outcome { () throws(HypervisorError) in try raw.machine.bind(number, gsi: Trial.edge) }
    report.expect("an eventfd bound twice", "refused", seen: isSame(again, "ok") ? "accepted" : "refused")
    raw.machine.unbind(number, gsi: Trial.level)
    event.signal()
    report.expect("an unbound eventfd signalled: nothing", "irr 0x4 isr 0x4 core 0x4", seen: try state(raw))
    report.expect("its eventfd afterwards", "1", seen: "\(event.drain())")
  }

  private func checkMessages(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let event = try makeEvent()
    let number = event.descriptor.raw
    let pins = InterruptControllers<Calls>.pins
    try raw.machine.bind(number, gsi: pins + Trial.messageByEventFD)
    event.signal()
    report.expect("irqfd of message \(Trial.messageByEventFD): core, word 3", "0x10", seen: try pending(raw, word: 3))
    let address = InterruptControllers<Calls>.messageAddress
    try raw.machine.signal(address: address, data: Trial.messageByRequest)
    report.expect("KVM_SIGNAL_MSI \(Trial.messageByRequest): core, word 3", "0x30", seen: try pending(raw, word: 3))
    try raw.machine.signal(address: address, data: Trial.messageToOther)
    report.expect("a vector of CPU 1: core of CPU 1", "0x200", seen: try pending(raw, word: 0, cpu: 1))
    report.expect("the same: ESTAT of vCPU 1: HWI0", "0x4", seen: hex(try raw.csr(RawCSR.estat, vcpu: 1)))
    try checkBadVector(raw)
  }

  private func pending(_ raw: RawMachine<Calls>, word: UInt64, cpu: Int = 0) throws(HypervisorError) -> String {
    hex(UInt64(try raw.extendedWord(RawEIOINTC.coreISR + word * 4, cpu: cpu)))
  }

  /// Not on kernels that might not look: they would write outside of their tables (reference A.7).
  private func checkBadVector(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    guard release.isAtLeast(7, 0) else {
      return report.skip("KVM_SIGNAL_MSI 256", "EINVAL", because: "not tried: kernels before 7.0 do not check")
    }
    let address = InterruptControllers<Calls>.messageAddress
    report.expect(
      "KVM_SIGNAL_MSI 256", "EINVAL",
      seen: outcome { () throws(HypervisorError) in try raw.machine.signal(address: address, data: 256) })
  }
}
