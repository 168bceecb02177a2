// Where secondary CPUs wait for the kernel. KVM knows only runnable vCPUs, so waiting is guest code everywhere.
// Protocol: the IPI controller's status and mailbox registers, Loongson 3A5000 manual 10.2, and what Linux writes
// (physical entry address to mailbox 0, then IPI vector 0).

/// The parking loop.
public enum Parking {
  private static let statusRegister: UInt32 = 0x1000
  private static let enableOffset: Int32 = 0x04
  private static let clearOffset: Int32 = 0x0c
  private static let mailboxOffset: Int32 = 0x20
  private static let currentMode: UInt32 = 0x0
  /// CRMD: direct addressing, and interrupts on.
  private static let direct: Int32 = 1 << 3
  private static let interruptible: Int32 = 1 << 2
  /// ECFG, with the local enable bit of the IPI line; one entry for all exceptions.
  private static let exceptionConfiguration: UInt32 = 0x4
  private static let exceptionEntry: UInt32 = 0xc
  private static let ipiLine: UInt32 = 1 << 12

  /// Code for the start of a page, with direct addressing; it needs no stack. It is its own exception entry: an IPI begins it
  /// again.
  ///
  /// `idle` also ends with interrupts off, on a real CPU. Not so in KVM: an IPI that it delivered between the look at the
  /// mailbox and `idle` would no longer end the sleep (Linux 7.2, arch/loongarch/kvm/exit.c, kvm_emu_idle), and the next one
  /// raises nothing while the first is pending. So they are on, and the IPI is taken wherever it comes.
  public static func code() -> [UInt8] {
    var asm = Assembler()
    let start = asm.here()
    asm.addi(.t0, .zero, direct)
    asm.csrWrite(.t0, currentMode)
    asm.pageOfCode(.t0)
    asm.csrWrite(.t0, exceptionEntry)
    asm.lu12i(.t0, ipiLine >> 12)
    asm.csrWrite(.t0, exceptionConfiguration)
    asm.lu12i(.t0, statusRegister >> 12)
    asm.addi(.t1, .zero, -1)
    asm.addi(.t2, .t0, enableOffset)
    asm.iocsrWriteWord(.t1, .t2)
    asm.iocsrReadWord(.t1, .t0)
    asm.addi(.t2, .t0, clearOffset)
    asm.iocsrWriteWord(.t1, .t2)
    asm.addi(.t2, .t0, mailboxOffset)
    asm.iocsrReadDouble(.t1, .t2)
    let go = asm.label()
    asm.branchIfNotZero(.t1, to: go)
    asm.addi(.t1, .zero, direct | interruptible)
    asm.csrWrite(.t1, currentMode)
    asm.idle()
    asm.jump(to: start)
    asm.place(go)
    asm.instructionBarrier()
    asm.jump(register: .t1)
    return asm.assembled()
  }
}
