// The UART's registers and rules, without a back-end: TI PC16550D section 8.
// Deliberately absent: baud rate, word length, parity and stop bits (stored, without effect), and the gating of the interrupt by
// MCR OUT2. That gate is a circuit of the PC's mainboard, not of the 16550, and Loongson's boards do not have it.

/// A 16550A between its register interface and its two queues.
struct UART: Sendable {
  var interruptEnable: UInt8 = 0
  /// The stored bits of FCR: enable and trigger level.
  var fifoControl: UInt8 = 0
  var lineControl: UInt8 = 0
  var modemControl: UInt8 = 0
  /// MSR bits 3:0.
  var modemDeltas: UInt8 = 0
  var scratch: UInt8 = 0
  /// Stored only. Starts at 1, because guests divide by it to learn the baud rate that the firmware left.
  var divisor: UInt16 = 1
  var receiver = Receiver()
  var transmitter = ByteFIFO()
  /// The transmitter's interrupt, 8.6 and 8.11 B: set when the queue runs empty, cleared by a write of THR and by the IIR read
  /// that reports it. Implies that the queue is empty.
  var transmitterInterrupt = false
  /// How many reads of LSR in a row found nothing to read, 0...`listeningPolls`; see `listens`.
  var idlePolls: UInt8 = 0
  /// When the first of them was, in monotonic nanoseconds; 0 if there was none.
  var idleSince: Int64 = 0

  var fifosEnabled: Bool { fifoControl & FIFOControl.enable != 0 }
  var loopback: Bool { modemControl & ModemControl.loopback != 0 }
  private var divisorAccess: Bool { lineControl & LineControl.divisorLatchAccess != 0 }
  private var breakLoopsBack: Bool { loopback && lineControl & LineControl.setBreak != 0 }

  /// Bytes that each queue holds: 16, or 1 in 16450 mode.
  var capacity: Int { fifosEnabled ? ByteFIFO.capacity : 1 }

  /// Reads of LSR in a row after which a guest counts as waiting for input.
  static let listeningPolls: UInt8 = 64
  /// Nanoseconds after which fewer looks of one row are enough: UEFI looks every 20 ms.
  static let listeningTime: Int64 = 5_000_000
  /// How many: more than the few with which a driver waits after one byte and, perhaps much later, before the next.
  static let slowListeningPolls: UInt8 = 8

  /// The guest takes what arrives: its port is open, or it polls LSR in a loop.
  ///
  /// The line has no flow control, and a driver empties the receiver when it opens the port. What a person typed, or a pipe held,
  /// before the guest was ready would be lost there, so it waits in the back-end instead. In loopback the line is cut (8.8).
  var listens: Bool { !loopback && (isOpen || idlePolls >= UART.listeningPolls) }

  /// The receive interrupt is on, and the FIFOs are too or the terminal is said to be ready. IER alone does not say it: a driver
  /// that looks for the chip sets its bits for a moment. Nor does DTR: Linux raises it for a console before it opens the port.
  private var isOpen: Bool {
    guard interruptEnable & InterruptEnable.receivedData != 0 else { return false }
    let ready = ModemControl.dataTerminalReady | ModemControl.requestToSend
    return fifosEnabled || modemControl & ready == ready
  }

  /// Bytes from the line that the receiver can take now.
  var receiveCapacity: Int { listens ? max(0, capacity - receiver.bytes.count) : 0 }

  /// Bytes in the receiver at which its interrupt comes: 8.5.
  private var triggerLevel: Int {
    guard fifosEnabled else { return 1 }
    switch fifoControl >> 6 {
    case 0: return 1
    case 1: return 4
    case 2: return 8
    default: return 14
    }
  }

  /// The cause that IIR shows: the highest one that is pending and enabled (8.6, table IV).
  var interruptCause: InterruptCause {
    if enabled(InterruptEnable.lineStatus), receiver.overrun || receiver.breakAtHead { return .lineStatus }
    if enabled(InterruptEnable.receivedData), !receiver.bytes.isEmpty {
      // 8.11 A waits for four character times before the time-out; as nothing travels at a baud rate here, they have always passed.
      return receiver.bytes.count >= triggerLevel ? .receivedData : .characterTimeout
    }
    if enabled(InterruptEnable.transmitterEmpty), transmitterInterrupt { return .transmitterEmpty }
    if enabled(InterruptEnable.modemStatus), modemDeltas != 0 { return .modemStatus }
    return .none
  }

  private func enabled(_ bit: UInt8) -> Bool { interruptEnable & bit != 0 }

  /// LSR as a read returns it, without the read's effects.
  var lineStatus: UInt8 {
    var status: UInt8 = transmitter.isEmpty ? LineStatus.holdingEmpty | LineStatus.transmitterEmpty : 0
    if !receiver.bytes.isEmpty { status |= LineStatus.dataReady }
    if receiver.overrun { status |= LineStatus.overrunError }
    if receiver.breakAtHead { status |= LineStatus.breakInterrupt }
    if fifosEnabled, receiver.breaks != 0 { status |= LineStatus.fifoError }
    return status
  }

  /// MSR bits 7:4: the lines, or in loopback the outputs of MCR (8.8).
  var modemLines: UInt8 {
    guard loopback else { return ModemStatus.connected }
    var lines: UInt8 = 0
    if modemControl & ModemControl.requestToSend != 0 { lines |= ModemStatus.clearToSend }
    if modemControl & ModemControl.dataTerminalReady != 0 { lines |= ModemStatus.dataSetReady }
    if modemControl & ModemControl.out1 != 0 { lines |= ModemStatus.ringIndicator }
    if modemControl & ModemControl.out2 != 0 { lines |= ModemStatus.carrierDetect }
    return lines
  }

  /// The transmitter's last byte has left for the back-end.
  mutating func transmitterDrained() { transmitterInterrupt = true }

  // MARK: Guest accesses

  /// A guest's byte load at `offset`, 0...7.
  mutating func read(_ offset: UInt32, at now: Int64) -> UInt8 {
    notePoll(offset, at: now)
    switch offset {
    case Register.data: return divisorAccess ? UInt8(truncatingIfNeeded: divisor) : receiver.take()
    case Register.interruptEnable: return divisorAccess ? UInt8(truncatingIfNeeded: divisor >> 8) : interruptEnable
    case Register.interruptIdentification: return readInterruptIdentification()
    case Register.lineControl: return lineControl
    case Register.modemControl: return modemControl
    case Register.lineStatus: return readLineStatus()
    case Register.modemStatus: return readModemStatus()
    case Register.scratch: return scratch
    default: return 0
    }
  }

  /// A guest's byte store at `offset`, 0...7. LSR and MSR are read-only: their writes are for factory tests (8.4).
  mutating func write(_ offset: UInt32, _ value: UInt8) {
    endPolls()
    switch offset {
    case Register.data where divisorAccess: divisor = divisor & 0xff00 | UInt16(value)
    case Register.data: transmit(value)
    case Register.interruptEnable where divisorAccess: divisor = divisor & 0x00ff | UInt16(value) << 8
    case Register.interruptEnable: writeInterruptEnable(value)
    case Register.interruptIdentification: writeFIFOControl(value)
    case Register.lineControl: writeControl { $0.lineControl = value }
    case Register.modemControl: writeControl { $0.modemControl = value & ModemControl.all }
    case Register.scratch: scratch = value
    default: break
    }
  }

  /// Many reads of LSR that found nothing, or some that are far apart, with no other access between, are a loop that waits for
  /// input: a driver that sends waits for THRE and TEMT before a byte and after it, which is a few looks in a hurry, and does
  /// something else in between. Reads of data and of the modem's registers keep the loop alive.
  private mutating func notePoll(_ offset: UInt32, at now: Int64) {
    switch offset {
    case Register.lineStatus: noteIdlePoll(at: now)
    case Register.data where !divisorAccess: break
    case Register.modemControl, Register.modemStatus: break
    default: endPolls()
    }
  }

  private mutating func noteIdlePoll(at now: Int64) {
    guard receiver.bytes.isEmpty, transmitter.isEmpty else { return }
    if idlePolls == 0 { idleSince = now }
    idlePolls = min(UART.listeningPolls, idlePolls + 1)
    let isLong = idlePolls >= UART.slowListeningPolls && now &- idleSince >= UART.listeningTime
    if isLong { idlePolls = UART.listeningPolls }
  }

  private mutating func endPolls() { (idlePolls, idleSince) = (0, 0) }

  private mutating func readInterruptIdentification() -> UInt8 {
    let cause = interruptCause
    if cause == .transmitterEmpty { transmitterInterrupt = false }
    return cause.rawValue | (fifosEnabled ? InterruptCause.fifosEnabled : 0)
  }

  private mutating func readLineStatus() -> UInt8 {
    let status = lineStatus
    receiver.overrun = false
    receiver.breaks &= ~1
    return status
  }

  private mutating func readModemStatus() -> UInt8 {
    let status = modemLines | modemDeltas
    modemDeltas = 0
    return status
  }

  private mutating func transmit(_ byte: UInt8) {
    transmitterInterrupt = false
    if loopback {
      receiver.accept(byte, capacity: capacity)
      transmitterInterrupt = transmitter.isEmpty
      return
    }
    // A guest that writes without looking at THRE loses the byte, in 16450 mode the one before it, as on the chip.
    if transmitter.count >= capacity {
      guard !fifosEnabled else { return }
      transmitter.removeAll()
    }
    _ = transmitter.append(byte)
  }

  /// Enabling the transmitter's interrupt while there is room raises it (8.11 B); drivers test for this.
  private mutating func writeInterruptEnable(_ value: UInt8) {
    let added = value & ~interruptEnable
    interruptEnable = value & InterruptEnable.all
    if added & InterruptEnable.transmitterEmpty != 0, transmitter.isEmpty { transmitterInterrupt = true }
  }

  private mutating func writeFIFOControl(_ value: UInt8) {
    let enable = value & FIFOControl.enable != 0
    let switched = enable != fifosEnabled
    // Without bit 0 the other bits are not programmed (8.5).
    fifoControl = enable ? value & FIFOControl.stored : 0
    if switched || enable && value & FIFOControl.resetReceiver != 0 { receiver.removeAll() }
    if switched || enable && value & FIFOControl.resetTransmitter != 0, !transmitter.isEmpty {
      transmitter.removeAll()
      transmitterInterrupt = true
    }
  }

  /// A change of LCR or MCR, with what it does to the looped-back lines and to a looped-back break.
  private mutating func writeControl(_ change: (inout UART) -> Void) {
    let linesBefore = modemLines
    let breakBefore = breakLoopsBack
    change(&self)
    noteModemChange(from: linesBefore)
    if breakLoopsBack, !breakBefore { receiver.accept(0, isBreak: true, capacity: capacity) }
  }

  /// MSR bits 3:0: a change of CTS, DSR and DCD, and for RI only its end (8.9).
  private mutating func noteModemChange(from before: UInt8) {
    let after = modemLines
    let changed = (before ^ after) & ~ModemStatus.ringIndicator
    let ringEnded = before & ~after & ModemStatus.ringIndicator
    modemDeltas |= (changed | ringEnded) >> 4
  }
}
