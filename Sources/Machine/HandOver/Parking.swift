// Where secondary CPUs wait for the kernel. KVM knows only runnable vCPUs, so waiting is guest code everywhere.
// Protocol: the IPI controller's status and mailbox registers, Loongson 3A5000 manual 10.2, and what Linux writes
// (physical entry address to mailbox 0, then IPI vector 0).

/// The parking loop.
public enum Parking {
  private static let statusRegister: UInt32 = 0x1000
  private static let enableOffset: Int32 = 0x04
  private static let clearOffset: Int32 = 0x0c
  private static let mailboxOffset: Int32 = 0x20
  /// ECFG, with the local enable bit of the IPI line.
  private static let exceptionConfiguration: UInt32 = 0x4
  private static let ipiLine: UInt32 = 1 << 12

  /// Position-independent code; runs from reset state (direct addressing, interrupts off) and needs no stack.
  /// `idle` ends when a line enabled in ECFG is pending, even though CRMD.IE is 0.
  public static func code() -> [UInt8] {
    var asm = Assembler()
    asm.lu12i(.t0, ipiLine >> 12)
    asm.csrWrite(.t0, exceptionConfiguration)
    asm.lu12i(.t0, statusRegister >> 12)
    asm.addi(.t1, .zero, -1)
    asm.addi(.t2, .t0, enableOffset)
    asm.iocsrWriteWord(.t1, .t2)
    let wait = asm.here()
    asm.idle()
    asm.iocsrReadWord(.t1, .t0)
    asm.addi(.t2, .t0, clearOffset)
    asm.iocsrWriteWord(.t1, .t2)
    asm.addi(.t2, .t0, mailboxOffset)
    asm.iocsrReadDouble(.t1, .t2)
    asm.branchIfZero(.t1, to: wait)
    asm.instructionBarrier()
    asm.jump(register: .t1)
    return asm.assembled()
  }
}
