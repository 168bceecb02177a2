// What the back-end asks for, and its state.

extension FrontEndSession {
  /// Takes a request of the back-end on its own channel and returns the answer to send there, if it wants one.
  ///
  /// Only CONFIG_CHANGE is of use without the features that Atoll does not acknowledge; the others are refused and counted.
  public mutating func receive(onChannel message: borrowing VhostIncoming) throws(FrontEndFault) -> VhostOutgoing? {
    if let fault { throw fault }
    guard !message.header.isReply else { throw fail(.answerOnChannel(message.request)) }
    guard let request = BackEndRequest(rawValue: message.request) else {
      throw fail(.unknownRequest(message.request))
    }
    var verdict: UInt64 = 1
    do throws(VhostMessageError) {
      verdict = try serve(request, message)
    } catch {
      throw fail(.malformed(error))
    }
    if verdict != 0 { refusedRequests += 1 }
    return message.header.needsReply ? VhostOutgoing(reply: NumberReply(verdict), to: message.request) : nil
  }

  /// 0 done, 1 refused.
  private mutating func serve(_ request: BackEndRequest, _ message: borrowing VhostIncoming) throws(VhostMessageError)
    -> UInt64
  {
    switch request {
    case .configChanged:
      _ = try message.decode(ConfigChanged.self)
      guard protocolFeatures.contains(.config) else { return 1 }
      configIsStale = true
      return 0
    case .iotlb: _ = try message.decode(BackEndIOTLB.self)
    case .setHostNotifier: _ = try message.decode(SetHostNotifier.self)
    case .vringCall: _ = try message.decode(BackEndVringCall.self)
    case .vringError: _ = try message.decode(BackEndVringError.self)
    case .addSharedObject, .removeSharedObject, .lookUpSharedObject, .mapSharedMemory, .unmapSharedMemory: break
    }
    return 1
  }

  // MARK: state

  mutating func nextStateMessage() -> VhostOutgoing? {
    guard let request = stateRequest, !request.sent else { return nil }
    stateRequest?.sent = true
    if let transfer = request.transfer { return ask(transfer, descriptors: [request.pipe]) }
    return ask(CheckDeviceState())
  }

  mutating func take(stateTransfer value: UInt64) {
    let failed = value & 0xff != 0
    // Bit 8 clear: a descriptor should have come, and has not.
    guard failed || value & 0x100 != 0 else { return _ = fail(.ownStateChannel) }
    finishStateRequest(.stateTransfer(accepted: !failed))
  }

  mutating func finishStateRequest(_ event: FrontEndEvent) {
    stateRequest = nil
    tell(event: event)
  }
}
