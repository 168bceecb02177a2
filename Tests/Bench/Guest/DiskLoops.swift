/// Programs that read the guest's first disk past its page cache and return how many reads came back whole.
///
/// Random reads go through Linux' native asynchronous I/O (io_submit(2)), because it keeps many in flight without
/// threads. System call numbers: include/uapi/asm-generic/unistd.h; structures: include/uapi/linux/aio_abi.h.
enum DiskLoops {
  /// Bytes of the file behind the disk; a power of two.
  static let diskBytes: UInt64 = 256 << 20
  static let randomReads: UInt64 = 20_000
  static let sequentialReads: UInt64 = 768
  static let blockBytes: UInt64 = 4096
  static let pieceBytes: UInt64 = 1 << 20

  static let random = GuestLoop("randread", "4 KiB random read, queue depth 32") { randomBody(&$0, depth: 32) }
  static let single = GuestLoop("randread1", "4 KiB random read, queue depth 1") { randomBody(&$0, depth: 1) }
  static let sequential = GuestLoop("seqread", "1 MiB sequential read", sequentialBody)

  private static let (ioSetUp, ioSubmit, ioGetEvents, openAt, pread): (UInt64, UInt64, UInt64, UInt64, UInt64) = (
    0, 2, 4, 56, 67
  )
  /// O_RDONLY and O_DIRECT.
  private static let flags: UInt64 = 0x4000
  // Places in the program's memory.
  private static let (path, control, list, events, buffers): (Int, UInt64, UInt64, UInt64, UInt64) = (
    0x80, 0x1000, 0x4000, 0x5000, 0x10000
  )
  private static let controlSize = 64

  /// s0 = memory, s1 = descriptor of /dev/vda; jumps to `failed` if there is none.
  private static func open(_ asm: inout GuestAssembler, _ failed: GuestAssembler.Label) {
    asm.move(R.s0, R.a0)
    // "/dev/vda" as one little-endian word.
    asm.load(R.t0, 0x6164_762f_7665_642f)
    asm.stD(R.t0, R.s0, path)
    asm.stD(R.zero, R.s0, path + 8)
    // AT_FDCWD is -100.
    asm.addiD(R.a0, R.zero, -100)
    asm.addiD(R.a1, R.s0, path)
    asm.load(R.a2, flags)
    call(&asm, openAt)
    asm.move(R.s1, R.a0)
    failIfNegative(&asm, R.a0, failed)
  }

  private static func call(_ asm: inout GuestAssembler, _ number: UInt64) {
    asm.load(R.a7, number)
    asm.systemCall()
  }

  private static func failIfNegative(_ asm: inout GuestAssembler, _ register: Int, _ failed: GuestAssembler.Label) {
    asm.srliD(R.t0, register, 63)
    asm.bnez(R.t0, failed)
  }

  private static func finish(_ asm: inout GuestAssembler, _ failed: GuestAssembler.Label) {
    asm.place(failed)
    asm.move(R.a0, R.s3)
    asm.ret()
  }

  // MARK: sequential

  /// s2 = reads left, s3 = whole reads, s4 = offset.
  private static func sequentialBody(_ asm: inout GuestAssembler) {
    let failed = asm.label()
    asm.load(R.s3, 0)
    open(&asm, failed)
    asm.load(R.s2, sequentialReads)
    asm.load(R.s4, 0)
    let next = asm.here()
    asm.move(R.a0, R.s1)
    asm.load(R.t0, buffers)
    asm.addD(R.a1, R.s0, R.t0)
    asm.load(R.a2, pieceBytes)
    asm.move(R.a3, R.s4)
    call(&asm, pread)
    asm.load(R.t0, pieceBytes)
    asm.bne(R.a0, R.t0, failed)
    asm.addD(R.s4, R.s4, R.t0)
    asm.load(R.t1, diskBytes - 1)
    asm.and(R.s4, R.s4, R.t1)
    asm.addiD(R.s3, R.s3, 1)
    asm.addiD(R.s2, R.s2, -1)
    asm.bnez(R.s2, next)
    finish(&asm, failed)
  }

  // MARK: random

  /// s2 = reads not submitted yet, s3 = whole reads, s4 = state of the generator, s5 = control blocks to submit, s6 = depth.
  private static func randomBody(_ asm: inout GuestAssembler, depth: UInt64) {
    let (failed, submit) = (asm.label(), asm.label())
    asm.load(R.s3, 0)
    open(&asm, failed)
    asm.load(R.s6, depth)
    asm.move(R.a0, R.s6)
    asm.move(R.a1, R.s0)
    asm.stD(R.zero, R.s0, 0)
    call(&asm, ioSetUp)
    asm.bnez(R.a0, failed)
    asm.load(R.s4, 88_172_645_463_325_252)
    prepare(&asm)
    asm.load(R.s2, randomReads - depth)
    asm.move(R.s5, R.s6)
    asm.place(submit)
    submitList(&asm, failed)
    collect(&asm, failed)
    asm.bnez(R.s5, submit)
    // Nothing to submit: wait for the rest, or stop when all have come.
    asm.load(R.t0, randomReads)
    asm.bltu(R.s3, R.t0, submit)
    finish(&asm, failed)
  }

  /// Fills `depth` control blocks and the list of pointers to them.
  private static func prepare(_ asm: inout GuestAssembler) {
    asm.load(R.t0, control)
    asm.addD(R.t0, R.s0, R.t0)
    asm.load(R.t1, list)
    asm.addD(R.t1, R.s0, R.t1)
    asm.load(R.t2, buffers)
    asm.addD(R.t2, R.s0, R.t2)
    asm.move(R.t3, R.s6)
    let block = asm.here()
    asm.stD(R.t0, R.t1, 0)
    asm.stW(R.s1, R.t0, 20)
    asm.stD(R.t2, R.t0, 24)
    asm.load(R.t4, blockBytes)
    asm.stD(R.t4, R.t0, 32)
    randomOffset(&asm, into: R.t5)
    asm.stD(R.t5, R.t0, 40)
    asm.addiD(R.t0, R.t0, controlSize)
    asm.addiD(R.t1, R.t1, 8)
    asm.addD(R.t2, R.t2, R.t4)
    asm.addiD(R.t3, R.t3, -1)
    asm.bnez(R.t3, block)
  }

  /// Marsaglia's xorshift64; a block's place on the disk.
  private static func randomOffset(_ asm: inout GuestAssembler, into target: Int) {
    asm.slliD(R.t6, R.s4, 13)
    asm.xor(R.s4, R.s4, R.t6)
    asm.srliD(R.t6, R.s4, 7)
    asm.xor(R.s4, R.s4, R.t6)
    asm.slliD(R.t6, R.s4, 17)
    asm.xor(R.s4, R.s4, R.t6)
    asm.load(R.t6, diskBytes - blockBytes)
    asm.and(target, R.s4, R.t6)
  }

  /// Submits the s5 control blocks of the list, if there are any.
  private static func submitList(_ asm: inout GuestAssembler, _ failed: GuestAssembler.Label) {
    let none = asm.label()
    asm.beqz(R.s5, none)
    asm.ldD(R.a0, R.s0, 0)
    asm.move(R.a1, R.s5)
    asm.load(R.t0, list)
    asm.addD(R.a2, R.s0, R.t0)
    call(&asm, ioSubmit)
    asm.bne(R.a0, R.s5, failed)
    asm.place(none)
  }

  /// Waits for at least one read, checks all that came, and lists those that go again with s5 as their number.
  private static func collect(_ asm: inout GuestAssembler, _ failed: GuestAssembler.Label) {
    asm.ldD(R.a0, R.s0, 0)
    asm.load(R.a1, 1)
    asm.move(R.a2, R.s6)
    asm.load(R.t0, events)
    asm.addD(R.a3, R.s0, R.t0)
    asm.load(R.a4, 0)
    call(&asm, ioGetEvents)
    failIfNegative(&asm, R.a0, failed)
    asm.beqz(R.a0, failed)
    asm.load(R.s5, 0)
    asm.load(R.t1, events)
    asm.addD(R.t1, R.s0, R.t1)
    asm.load(R.t2, list)
    asm.addD(R.t2, R.s0, R.t2)
    let (event, last) = (asm.here(), asm.label())
    asm.ldD(R.t3, R.t1, 16)
    asm.load(R.t4, blockBytes)
    asm.bne(R.t3, R.t4, failed)
    asm.addiD(R.s3, R.s3, 1)
    asm.beqz(R.s2, last)
    asm.addiD(R.s2, R.s2, -1)
    asm.ldD(R.t0, R.t1, 8)
    asm.stD(R.t0, R.t2, 0)
    randomOffset(&asm, into: R.t5)
    asm.stD(R.t5, R.t0, 40)
    asm.addiD(R.t2, R.t2, 8)
    asm.addiD(R.s5, R.s5, 1)
    asm.place(last)
    asm.addiD(R.t1, R.t1, 32)
    asm.addiD(R.a0, R.a0, -1)
    asm.bnez(R.a0, event)
  }
}
