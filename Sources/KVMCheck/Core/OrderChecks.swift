import Hypervisor
import KVMHypervisor
import System

extension KVMCheck {
  /// What a machine is like before its interrupt controllers are made, and when they are (reference A.2 to A.4, B.3).
  func checkOrder(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    try checkFreshVCPU(raw)
    try checkDevices(raw)
    try checkPICReset(raw)
    try checkExtendedReset(raw)
  }

  private func checkFreshVCPU(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    report.expect("fresh vCPU 1: CPUID", "0x100", seen: hex(try raw.csr(RawCSR.cpuid, vcpu: 1)))
    report.expect("fresh vCPU 1: CRMD", "0x8", seen: hex(try raw.csr(RawCSR.crmd, vcpu: 1)))
    report.expect("fresh vCPU 1: TID", "0x1", seen: hex(try raw.csr(RawCSR.tid, vcpu: 1)))
    let word = try calls.register(raw.vcpus[1].descriptor, KVMRegisterID.configuration(2))
    report.expect("fresh vCPU 1: CPUCFG word 2", "0x0", seen: hex(word))
    try raw.identifyVCPUs()
    report.expect(
      "CPUID set once more, the same", "ok",
      seen: outcome { () throws(HypervisorError) in try raw.setCSR(RawCSR.cpuid, vcpu: 1, 1) })
    report.expect(
      "CPUID set once more, another", "EINVAL",
      seen: outcome { () throws(HypervisorError) in try raw.setCSR(RawCSR.cpuid, vcpu: 1, 5) })
  }

  private func checkDevices(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let event = try makeEvent()
    let number = event.descriptor.raw
    func bind() -> String {
      let seen = outcome { () throws(HypervisorError) in try raw.machine.bind(number, gsi: 2) }
      if isSame(seen, "ok") { raw.machine.unbind(number, gsi: 2) }
      return seen
    }
    report.expect("KVM_IRQFD without any device", "EAGAIN", seen: bind())
    try raw.makeIPI()
    report.expect("KVM_IRQFD with IPI", "EAGAIN", seen: bind())
    try raw.makeExtended()
    report.expect("KVM_IRQFD with IPI and EIOINTC", "EAGAIN", seen: bind())
    try raw.makePIC()
    report.expect("KVM_IRQFD with all three", "ok", seen: bind())
    for (name, type) in [
      ("IPI", KVMDeviceType.ipi), ("EIOINTC", KVMDeviceType.eiointc), ("PCHPIC", KVMDeviceType.pchPIC),
    ] {
      let seen = outcome { () throws(HypervisorError) in _ = try KVMDevice(raw.machine, type: type) }
      report.expect("a second \(name)", "EINVAL", seen: seen)
    }
  }

  /// Linux sets reset values since it keeps 64-bit registers (about 6.17); before, all is zero.
  private func checkPICReset(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    let mask = try raw.picRegister(RawPIC.mask)
    let edge = try raw.picRegister(RawPIC.edge)
    let request = try raw.picRegister(RawPIC.request)
    let inService = try raw.picRegister(RawPIC.inService)
    let (routes, vectors) = try tables(raw)
    report.expect("new PCH-PIC: edge, irr, isr", "0x0 0x0 0x0", seen: "\(hex(edge)) \(hex(request)) \(hex(inService))")
    let old = mask == 0 && isSame(routes, "all 0") && isSame(vectors, "all 0")
    let new = mask == .max && isSame(routes, "1 for 0-31") && isSame(vectors, "own for 0-31")
    report.expect(
      "new PCH-PIC: mask, routes, vectors", "as since 6.17, or as 6.13",
      seen: "\(hex(mask)), \(routes), \(vectors): \(new ? "as since 6.17" : old ? "as 6.13" : "as neither")",
      isRight: new || old)
  }

  /// What is in the tables of routes and vectors, in words.
  private func tables(_ raw: RawMachine<Calls>) throws(HypervisorError) -> (routes: String, vectors: String) {
    var routes: (ones: UInt64, others: Bool) = (0, false)
    var vectors: (own: UInt64, nonzero: UInt64) = (0, 0)
    for pin in 0..<UInt64(64) {
      let route = try raw.picByte(RawPIC.route + pin)
      let vector = try raw.picByte(RawPIC.vector + pin)
      if route == 1 { routes.ones |= 1 << pin }
      if route > 1 { routes.others = true }
      if UInt64(vector) == pin { vectors.own |= 1 << pin }
      if vector != 0 { vectors.nonzero |= 1 << pin }
    }
    let lower: UInt64 = 0xffff_ffff
    let routeWords =
      routes.others ? "others" : routes.ones == 0 ? "all 0" : routes.ones == lower ? "1 for 0-31" : "others"
    let isOwn = vectors.own == lower && vectors.nonzero == lower - 1
    return (routeWords, vectors.nonzero == 0 ? "all 0" : isOwn ? "own for 0-31" : "others")
  }

  private func checkExtendedReset(_ raw: RawMachine<Calls>) throws(HypervisorError) {
    var any: UInt32 = 0
    for (from, to) in RawEIOINTC.cleared {
      for offset in stride(from: from, to: to, by: 4) { any |= try raw.extendedWord(offset) }
    }
    for cpu in 0..<RawMachine<Calls>.vcpuCount {
      for word in 0..<UInt64(8) { any |= try raw.extendedWord(RawEIOINTC.coreISR + word * 4, cpu: cpu) }
    }
    report.expect("new EIOINTC: all registers", "0x0", seen: hex(UInt64(any)))
  }

  /// An eventfd, of which the kernel has enough or nothing can be checked.
  func makeEvent() throws(HypervisorError) -> EventCounter {
    do throws(SystemError) { return try EventCounter() } catch { throw .system(error) }
  }
}
