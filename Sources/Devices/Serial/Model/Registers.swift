// The 16550A's registers and bits: TI PC16550D data sheet, section 8; the section of each register stands beside it.

/// Byte offsets of the UART's registers from the start of its region.
enum Register {
  /// Receiver buffer (read), transmitter holding (write); divisor latch low while LCR bit 7 is set. 8.0, 8.3.
  static let data: UInt32 = 0
  /// Interrupt enable, 8.7; divisor latch high while LCR bit 7 is set, 8.3.
  static let interruptEnable: UInt32 = 1
  /// Interrupt identification (read), 8.6; FIFO control (write), 8.5.
  static let interruptIdentification: UInt32 = 2
  /// 8.1.
  static let lineControl: UInt32 = 3
  /// 8.8.
  static let modemControl: UInt32 = 4
  /// 8.4.
  static let lineStatus: UInt32 = 5
  /// 8.9.
  static let modemStatus: UInt32 = 6
  /// 8.10.
  static let scratch: UInt32 = 7
}

/// IER, 8.7.
enum InterruptEnable {
  static let receivedData: UInt8 = 0x01
  static let transmitterEmpty: UInt8 = 0x02
  static let lineStatus: UInt8 = 0x04
  static let modemStatus: UInt8 = 0x08
  static let all: UInt8 = 0x0f
}

/// IIR bits 3:0, 8.6 and table IV: the highest cause that is pending and enabled. Bits 7:6 are set while the FIFOs are on.
enum InterruptCause: UInt8 {
  case none = 0x1
  case lineStatus = 0x6
  case receivedData = 0x4
  case characterTimeout = 0xc
  case transmitterEmpty = 0x2
  case modemStatus = 0x0

  static let fifosEnabled: UInt8 = 0xc0
}

/// FCR, 8.5.
enum FIFOControl {
  static let enable: UInt8 = 0x01
  static let resetReceiver: UInt8 = 0x02
  static let resetTransmitter: UInt8 = 0x04
  static let triggerLevel: UInt8 = 0xc0
  /// What stays set after a write; the resets clear themselves, and the DMA mode (bit 3) has no pins here to act on.
  static let stored = enable | triggerLevel
}

/// LCR, 8.1. Word length, stop bits and parity are stored and change nothing: bytes travel whole.
enum LineControl {
  static let setBreak: UInt8 = 0x40
  static let divisorLatchAccess: UInt8 = 0x80
}

/// MCR, 8.8.
enum ModemControl {
  static let dataTerminalReady: UInt8 = 0x01
  static let requestToSend: UInt8 = 0x02
  static let out1: UInt8 = 0x04
  static let out2: UInt8 = 0x08
  static let loopback: UInt8 = 0x10
  static let all: UInt8 = 0x1f
}

/// LSR, 8.4. Parity and framing errors cannot happen: there is no wire.
enum LineStatus {
  static let dataReady: UInt8 = 0x01
  static let overrunError: UInt8 = 0x02
  static let breakInterrupt: UInt8 = 0x10
  static let holdingEmpty: UInt8 = 0x20
  static let transmitterEmpty: UInt8 = 0x40
  static let fifoError: UInt8 = 0x80
}

/// MSR, 8.9: bits 7:4 are the lines, bits 3:0 say which of them changed since the last read.
enum ModemStatus {
  static let clearToSend: UInt8 = 0x10
  static let dataSetReady: UInt8 = 0x20
  static let ringIndicator: UInt8 = 0x40
  static let carrierDetect: UInt8 = 0x80
  static let deltas: UInt8 = 0x0f
  /// Outside loopback a terminal is always there, and ready.
  static let connected = clearToSend | dataSetReady | carrierDetect
}
