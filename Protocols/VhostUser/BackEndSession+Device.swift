import System

// Configuration space, status, reset and state.
extension BackEndSession {
  /// The answer has the size that was asked for; what is asked for beyond the device's own fields is zero, because
  /// front-ends ask for the newest form of the structure that they know.
  func getConfig<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: borrowing Handler
  ) throws(BackEndFault) -> BackEndAnswer {
    let request = try decode(message, GetConfig.self)
    try require(.config, .getConfig)
    let config = handler.config()
    var bytes = [UInt8](repeating: 0, count: Int(request.size))
    for i in bytes.indices where Int(request.offset) + i < config.count { bytes[i] = config[Int(request.offset) + i] }
    let reply = ConfigReply(offset: request.offset, size: request.size, flags: request.flags, bytes: bytes)
    return BackEndAnswer(VhostOutgoing(reply: reply, to: message.request))
  }

  mutating func setConfig<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let request = try decode(message, SetConfig.self)
    try require(.config, .setConfig)
    let size = handler.config().count
    let isInside = Int(request.offset) + request.bytes.count <= size
    if isInside, handler.setConfig(offset: Int(request.offset), request.bytes) { return }
    // Migration sets every field; those that are read-only come from this process' own options.
    if request.flags == 1 { return }
    throw .resource("the driver wrote a read-only field of configuration space")
  }

  mutating func setStatus<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let value = try decode(message, SetStatus.self).value
    try require(.status, .setStatus)
    status = UInt8(truncatingIfNeeded: value)
    guard status == 0 else { return }
    stopAll(&handler, clean: true)
    handler.reset()
  }

  func getStatus<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: borrowing Handler
  ) throws(BackEndFault) -> BackEndAnswer {
    _ = try decode(message, GetStatus.self)
    try require(.status, .getStatus)
    // DEVICE_NEEDS_RESET (virtio 1.3, 2.1).
    return number(UInt64(status | (handler.needsReset ? 0x40 : 0)), .getStatus)
  }

  mutating func resetDevice<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    _ = try decode(message, ResetDevice.self)
    try require(.resetDevice, .resetDevice)
    stopAll(&handler, clean: true)
    for index in vrings.indices {
      handler.enable(index, false)
      vrings[index] = Vring()
    }
    status = 0
    handler.reset()
  }

  mutating func setBackEndChannel<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    _ = try decode(message, SetBackEndChannel.self)
    try require(.backEndRequests, .setBackEndChannel)
    guard let socket = message.take(0) else { throw .refused(.setBackEndChannel, "a descriptor is missing") }
    handler.useChannel(socket)
  }

  // MARK: state

  /// Bits 0–7 of the answer are 0 for success; bit 8 is always set, because the front-end's pipe is used.
  mutating func setDeviceState<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) -> BackEndAnswer {
    let request = try decode(message, SetDeviceState.self)
    try require(.deviceState, .setDeviceState)
    guard let pipe = message.take(0) else { throw .refused(.setDeviceState, "a descriptor is missing") }
    do throws(BackEndFault) {
      guard !isActive else { throw .resource("device state is to be moved while a ring runs") }
      let loading = request.direction == SetDeviceState.Direction.load.rawValue
      try handler.transferState(pipe, loading: loading)
      return number(0x100, .setDeviceState)
    } catch {
      handler.note(error.sentence)
      return number(0x101, .setDeviceState)
    }
  }

  mutating func checkDeviceState<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: borrowing Handler
  ) throws(BackEndFault) -> BackEndAnswer? {
    _ = try decode(message, CheckDeviceState.self)
    try require(.deviceState, .checkDeviceState)
    awaitsState = true
    return stateAnswer(handler)
  }

  /// The answer to CHECK_DEVICE_STATE once the transfer is over; nil while it runs, or if nobody asked.
  public mutating func stateAnswer<Handler: BackEndHandler & ~Copyable>(_ handler: borrowing Handler) -> BackEndAnswer?
  {
    guard awaitsState, handler.stateTransfer != .running else { return nil }
    awaitsState = false
    return number(handler.stateTransfer == .done ? 0 : 1, .checkDeviceState)
  }
}
