/// A guest of 41 instructions, without translation of addresses: it sets up its interrupt controllers, touches everything
/// that leaves KVM once, and then sleeps, and tells of each interrupt.
///
/// Encodings: LoongArch Reference Manual Vol. 1, appendix B; registers of the controllers: reference B.1, C.2.
enum GuestProgram {
  /// Bytes of memory at 0.
  static let memorySize = 0x1_0000
  /// Where `main` is.
  static let entry: UInt64 = 0x1000
  /// Where `handler` is.
  static let handlerEntry: UInt64 = 0x2000
  /// Where it stores what it has loaded: its only store to memory.
  static let result: UInt64 = 0x8000

  // Where nothing is, and what it does there.
  /// A store of 4 bytes.
  static let doorbell: UInt64 = 0x1e10_0010
  /// A load of 4 bytes.
  static let load: UInt64 = 0x1e10_0020
  /// A store of the vectors that were pending, by the handler.
  static let interruptReport: UInt64 = 0x1e10_0030
  /// IOCSR FEATURES, which it reads.
  static let ioRegister: UInt32 = 0x8

  /// The PCH-PIC's pin, and the vector that it is given.
  static let pin: UInt32 = 2
  static let vector: UInt32 = 5

  /// Registers in which it ends with what it has loaded and read: a0 and a1.
  static let loadedRegister = 4
  static let readRegister = 5

  static let main: InlineArray<34, UInt32> = [
    0x0382_a00c,  // ori       $t0, $zero, 0xa8       memory through the caches, as the host sees it
    0x0400_002c,  // csrwr     $t0, 0x0               CRMD: DA, DATF 1, DATM 1
    0x1400_004c,  // lu12i.w   $t0, 2                 the handler, at 0x2000
    0x0400_302c,  // csrwr     $t0, 0xc               EENTRY
    0x0380_100c,  // ori       $t0, $zero, 4          line HWI0 on; one entry for all exceptions
    0x0400_102c,  // csrwr     $t0, 0x4               ECFG
    0x1400_0037,  // lu12i.w   $s0, 1
    0x0393_02f7,  // ori       $s0, $s0, 0x4c0
    0x1402_020d,  // lu12i.w   $t1, 0x1010
    0x0384_05ad,  // ori       $t1, $t1, 0x101        0x01010101: a bit a byte
    0x0648_1aed,  // iocsrwr.w $t1, $s0               0x14c0, IPMAP: vectors 0 to 127 on HWI0
    0x02dd_02f7,  // addi.d    $s0, $s0, 0x740
    0x0648_1aed,  // iocsrwr.w $t1, $s0               0x1c00, COREMAP: vectors 0 to 3 to CPU 0
    0x02bf_fc0e,  // addi.w    $t2, $zero, -1
    0x02e8_02f7,  // addi.d    $s0, $s0, -0x600
    0x0648_1aee,  // iocsrwr.w $t2, $s0               0x1600, ENABLE: vectors 0 to 31
    0x1420_0018,  // lu12i.w   $s1, 0x10000           the PCH-PIC
    0x0380_100f,  // ori       $t3, $zero, 4          pin 2
    0x2981_830f,  // st.w      $t3, $s1, 0x60         INT_EDGE: pin 2 alone
    0x0380_1410,  // ori       $t4, $zero, 5          vector 5
    0x2908_0b10,  // st.b      $t4, $s1, 0x202        HTMSI_VECTOR of pin 2
    0x02bf_ec11,  // addi.w    $t5, $zero, -5
    0x2980_8311,  // st.w      $t5, $s1, 0x20         INT_MASK: all pins to 31 but pin 2
    0x143c_2019,  // lu12i.w   $s2, 0x1e100           where nothing is
    0x2980_432f,  // st.w      $t3, $s2, 0x10         the doorbell
    0x2880_8324,  // ld.w      $a0, $s2, 0x20         the load
    0x1400_011a,  // lu12i.w   $s3, 8
    0x2980_0344,  // st.w      $a0, $s3, 0            its result, to memory at 0x8000
    0x0380_200c,  // ori       $t0, $zero, 8
    0x0648_0985,  // iocsrrd.w $a1, $t0               IOCSR FEATURES
    0x0380_100c,  // ori       $t0, $zero, 4
    0x0400_018c,  // csrxchg   $t0, $t0, 0x0          CRMD.IE: interrupts on
    0x0648_8000,  // idle      0
    0x53ff_ffff,  // b         -4                     to idle, after each interrupt
  ]

  static let handler: InlineArray<7, UInt32> = [
    0x1400_0032,  // lu12i.w   $t6, 1
    0x03a0_0252,  // ori       $t6, $t6, 0x800
    0x0648_0a53,  // iocsrrd.w $t7, $t6               0x1800, COREISR: vectors 0 to 31 that are pending
    0x2982_030f,  // st.w      $t3, $s1, 0x80         INT_CLEAR: pin 2
    0x0648_1a53,  // iocsrwr.w $t7, $t6               COREISR: the vectors cleared
    0x2980_c333,  // st.w      $t7, $s2, 0x30         the report
    0x0648_3800,  // ertn
  ]
}
