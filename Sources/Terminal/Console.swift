import CSystem
import DeviceBus
import System

/// Moves bytes between standard input and output and the console segment until the machine ends.
///
/// Back-pressure goes both ways: what standard output does not take stays in the ring, and what the guest does not take stays
/// in standard input. Nothing blocks but poll(2), so that Ctrl-A x works with a stuck output.
struct Console: ~Copyable {
  private static let input: Int32 = 0
  private static let output: Int32 = 1
  /// A pipe that polls as writable takes so many bytes at once without blocking (PIPE_BUF).
  private static let chunk = 4096
  /// After output, how long to gather more before asking the device for a wake: else a guest that prints byte by byte
  /// costs the device a system call for each.
  private static let gather: Int64 = 1_000_000

  private let channel: Channel
  private let signals: SignalDescriptor
  private var segment: ConsoleTerminalEnd
  private var wake: EventCounter
  private var kick: EventCounter
  private var modes: TerminalModes?
  private var keyboard = Keyboard()
  private var inputOpen = true
  private var inputReported = false
  private var outputOpen = true
  private var finishing = false
  private var faultReported = false
  /// Output has been written in this round.
  private var flowed = false
  /// Output waits for more, so that a stream of bytes is not written in pieces of some bytes each.
  private var gathering = false
  private var notice: [UInt8] = []

  /// Takes the first message, enters the second phase of the sandbox, makes the terminal raw and says that it is ready.
  static func start(_ channel: consuming Channel) throws(TerminalFailure) -> Console {
    let first: Incoming?
    do throws(ChannelError) { first = try channel.receive() } catch { throw .init(error) }
    guard var message = first else { throw .supervisorGone }
    do throws(MessageError) { _ = try message.decode(AttachConsole.self) } catch { throw .message(error) }
    let segment = try map(try take(&message, 0))
    let wake = EventCounter(owning: try take(&message, 1))
    let kick = EventCounter(owning: try take(&message, 2))
    var console = Console(channel, segment: segment, signals: try signals(), wake: wake, kick: kick)
    do throws(SystemError) {
      try SecondPhase.enter(&message)
      console.modes = TerminalModes(raw: input)
      try console.channel.send(TerminalReady())
    } catch {
      console.close()
      throw .system(error)
    }
    return console
  }

  private init(
    _ channel: consuming Channel, segment: consuming ConsoleTerminalEnd, signals: consuming SignalDescriptor,
    wake: consuming EventCounter, kick: consuming EventCounter
  ) {
    self.channel = channel
    self.segment = segment
    self.signals = signals
    self.wake = wake
    self.kick = kick
  }

  private static func take(_ message: inout Incoming, _ index: Int) throws(TerminalFailure) -> FileDescriptor {
    do throws(MessageError) { return try message.take(index) } catch { throw .message(error) }
  }

  private static func map(_ descriptor: borrowing FileDescriptor) throws(TerminalFailure) -> ConsoleTerminalEnd {
    do throws(SystemError) { return try ConsoleTerminalEnd(descriptor) } catch { throw .system(error) }
  }

  /// Blocked so that none ends the process with the terminal raw; only SIGTERM (15) is acted on. SIGHUP, SIGINT and
  /// SIGQUIT are the supervisor's to judge, SIGPIPE is the result of write, SIGTTIN and SIGTTOU that of the call.
  private static func signals() throws(TerminalFailure) -> SignalDescriptor {
    do throws(SystemError) { return try SignalDescriptor([1, 2, 3, 13, 15, 21, 22]) } catch { throw .system(error) }
  }

  /// Puts the terminal's modes back.
  borrowing func close() { modes?.restore() }

  /// Serves until the machine ends; why.
  mutating func serve() -> TerminalFailure {
    do throws(TerminalFailure) {
      while true { try round() }
    } catch { return error }
  }

  private mutating func round() throws(TerminalFailure) {
    watchDevice()
    // After output, one more look: the room that it made may let the device hand over its last bytes.
    if finishing, !flowed, !hasOutput { throw .finished }
    let quiet = prepareSleep()
    try reportInputEnd()
    let ready = try wait(nanoseconds: quiet ? nil : Self.gather)
    if ready[2] != 0, signals.next() == 15 { throw .terminated }
    if ready[1] != 0 { wake.drain() }
    if ready[0] != 0 { try readMessage() }
    if ready[3] != 0 { try readInput() }
    if ready[4] != 0 { try writeOutput() }
  }

  private var hasOutput: Bool { outputOpen && (!notice.isEmpty || segment.output.available() > 0) }

  /// Asks the device for wakes where there is nothing to do; false if output has just flowed and more may come.
  private mutating func prepareSleep() -> Bool {
    gathering = flowed && !finishing && segment.output.available() < Self.chunk
    if flowed {
      flowed = false
      return !gathering && hasOutput
    }
    if !hasOutput { segment.output.announceWait() }
    if inputOpen ? segment.input.room() <= 1 : !inputReported { segment.input.announceWait() }
    return true
  }

  private borrowing func wait(nanoseconds: Int64?) throws(TerminalFailure) -> [Int16] {
    let wantsInput = inputOpen && !finishing && segment.input.room() > 1
    let entries: [(descriptor: Int32, events: Int16)] = [
      (channel.raw, Poll.input), (wake.descriptor.raw, Poll.input), (signals.descriptor.raw, Poll.input),
      (wantsInput ? Self.input : -1, Poll.input), (hasOutput && !gathering ? Self.output : -1, Poll.output),
    ]
    do throws(SystemError) { return try Poll.wait(entries, nanoseconds: nanoseconds) } catch { throw .system(error) }
  }

  // MARK: supervisor

  private mutating func readMessage() throws(TerminalFailure) {
    let got: Incoming?
    do throws(ChannelError) { got = try channel.receive(wait: false) } catch { throw .init(error) }
    guard var message = got else { return }
    do throws(MessageError) {
      switch message.request {
      case .finish:
        _ = try message.decode(Finish.self)
        finishing = true
      case .attachConsole:
        _ = try message.decode(AttachConsole.self)
        wake = EventCounter(owning: try message.take(1))
        kick = EventCounter(owning: try message.take(2))
        // The new incarnation may have asked for a wake that the old eventfd got.
        kick.signal()
      default: throw MessageError.unexpectedRequest(message.request.rawValue)
      }
    } catch { throw .message(error) }
  }

  private borrowing func send<M: Message>(_ message: M) throws(TerminalFailure) {
    do throws(SystemError) { try channel.send(message) } catch {
      throw error.number == Errno.pipe ? .supervisorGone : .system(error)
    }
  }

  /// Positions that cannot be true are ignored and told once; a new incarnation of the device puts them right.
  private mutating func watchDevice() {
    let sane = segment.output.isConsistent() && segment.input.isConsistent()
    if !sane, !faultReported { try? send(ConsoleFault()) }
    faultReported = !sane
  }

  // MARK: input

  private mutating func readInput() throws(TerminalFailure) {
    // One less than there is room: the keyboard may give back a Ctrl-A that it held. The device can have taken room back.
    let room = min(Self.chunk, segment.input.room() - 1)
    guard room > 0 else { return }
    var bytes = [UInt8](repeating: 0, count: room)
    // Unsafe but right: the pointer and its count are one array's.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe atoll_read(Self.input, $0.baseAddress, UInt($0.count)) }
    if count == -Int(Errno.again) { return }
    guard count > 0 else {
      // End of file, or a terminal that hung up: the guest goes on without input.
      inputOpen = false
      return
    }
    bytes.removeLast(bytes.count - count)
    if modes != nil { for command in keyboard.translate(&bytes) { try obey(command) } }
    deliver(bytes)
  }

  private mutating func obey(_ command: Keyboard.Command) throws(TerminalFailure) {
    switch command {
    case .quit: try send(Quit())
    case .help: notice += Array(Keyboard.help.utf8)
    }
  }

  private mutating func deliver(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    // Unsafe but right: copied before the closure returns.
    unsafe bytes.withUnsafeBytes { unsafe segment.input.place($0) }
    segment.input.commit(bytes.count)
    if segment.input.readerWaits() { kick.signal() }
  }

  private mutating func reportInputEnd() throws(TerminalFailure) {
    guard !inputOpen, !inputReported, segment.input.room() == ConsoleSegment.capacity else { return }
    inputReported = true
    try send(InputClosed())
  }

  // MARK: output

  private mutating func writeOutput() throws(TerminalFailure) {
    guard notice.isEmpty else {
      let written = try write(notice)
      notice.removeFirst(written)
      return
    }
    var bytes = [UInt8](repeating: 0, count: Self.chunk)
    // Unsafe but right: filled before the closure returns.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe segment.output.peek(into: $0) }
    bytes.removeLast(bytes.count - count)
    let written = try write(bytes)
    // Only now: what this process has not written stays in the ring.
    segment.output.advance(written)
    if segment.output.writerWaits() { kick.signal() }
    flowed = true
  }

  private mutating func write(_ bytes: [UInt8]) throws(TerminalFailure) -> Int {
    // Unsafe but right: the pointer and its count are one array's.
    let written = unsafe bytes.withUnsafeBytes { unsafe atoll_write(Self.output, $0.baseAddress, UInt($0.count)) }
    if written >= 0 { return written }
    if written == -Int(Errno.again) { return 0 }
    // Nobody can see the guest any more (closed pipe, hung-up terminal): the person has left.
    outputOpen = false
    try send(Quit())
    return 0
  }
}
