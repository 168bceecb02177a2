// The back-channel: a device asks the VMM to bind doorbells and message-signalled interrupts, so that neither passes through
// a process of ours once it is bound. The VMM answers every request, in order, with `Bound`.

/// Why the VMM did not bind what a device asked for. An ordinary result: a guest chooses addresses and vectors.
public enum BindFault: UInt32, Sendable {
  /// The address is not inside one of the device's regions.
  case outsideItsWindows = 1
  /// The vector is not one of the device's own.
  case foreignVector = 2
  /// The hypervisor's table is full.
  case tableFull = 3
  /// The descriptor is no eventfd that never blocks, or the hypervisor refused it or the address.
  case refused = 4

  /// What is wrong, as one sentence without a full stop.
  public var sentence: StaticString {
    switch self {
    case .outsideItsWindows: "the doorbell is not inside the device's own address windows"
    case .foreignVector: "the interrupt vector is not one of the device's own"
    case .tableFull: "the machine has no room for another doorbell or vector"
    case .refused: "the descriptor is no eventfd that never blocks, or the hypervisor refused the binding"
    }
  }
}

func check(binding id: UInt32) throws(MessageError) {
  guard id < BusLimits.bindings else { throw .impossible("the binding's number is not 0 to 159") }
}

/// 128: a guest store of `length` bytes to `address` shall signal the eventfd. An id that is in use is replaced.
/// Descriptor: the eventfd, non-blocking.
public struct BindDoorbell: Message, Equatable {
  public static var request: Request { .bindDoorbell }
  /// The device's number for it, 0...159; vectors have numbers of their own.
  public var id: UInt32
  /// Guest physical address, inside the device's regions.
  public var address: UInt64
  /// Bytes of the store: 1, 2, 4, 8, or 0 for any.
  public var length: UInt32
  public var descriptorCount: Int { 1 }

  public init(id: UInt32, address: UInt64, length: UInt32) {
    (self.id, self.address, self.length) = (id, address, length)
  }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(id)
    payload.put(address)
    payload.put(length)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    id = try payload.u32()
    address = try payload.u64()
    length = try payload.u32()
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(binding: id)
    switch length {
    case 0, 1, 2, 4, 8: return
    default: throw .impossible("a doorbell's length is not 0, 1, 2, 4 or 8")
    }
  }
}

/// A request about a binding that is there, or not: then nothing happens and the answer is 0.
public protocol UnbindMessage: Message {
  /// The device's number for it, 0...159.
  var id: UInt32 { get }
  init(id: UInt32)
}

extension UnbindMessage {
  public func encode(into payload: inout PayloadWriter) { payload.put(id) }
  public init(fields payload: inout PayloadReader) throws(MessageError) { self.init(id: try payload.u32()) }
  public func check() throws(MessageError) { try DeviceBus.check(binding: id) }
}

/// 129: ends a binding of `BindDoorbell`; once it is answered the eventfd is not signalled any more.
public struct UnbindDoorbell: UnbindMessage, Equatable {
  public static var request: Request { .unbindDoorbell }
  public var id: UInt32
  public init(id: UInt32) { self.id = id }
}

/// 130: each signal of the eventfd shall be a message-signalled interrupt. An id that is in use is replaced.
/// Descriptor: the eventfd.
public struct BindMSI: Message, Equatable {
  public static var request: Request { .bindMSI }
  /// The device's number for it, 0...159; doorbells have numbers of their own.
  public var id: UInt32
  /// EIOINTC vector, 0...255: what the message's data says.
  public var vector: UInt32
  public var descriptorCount: Int { 1 }

  public init(id: UInt32, vector: UInt32) { (self.id, self.vector) = (id, vector) }
  public func encode(into payload: inout PayloadWriter) {
    payload.put(id)
    payload.put(vector)
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    id = try payload.u32()
    vector = try payload.u32()
  }
  public func check() throws(MessageError) { try DeviceBus.check(binding: id) }
}

/// 131: ends a binding of `BindMSI`; signals from before the answer may have been delivered, later ones are not.
public struct UnbindMSI: UnbindMessage, Equatable {
  public static var request: Request { .unbindMSI }
  public var id: UInt32
  public init(id: UInt32) { self.id = id }
}

/// 144: the VMM's answer to one request of the back-channel.
public struct Bound: Message, Equatable {
  public static var request: Request { .bound }
  /// The number of the request that it answers, 128...131.
  public var to: Request
  /// Its binding.
  public var id: UInt32
  /// Why not; nil if it is done.
  public var fault: BindFault?

  public init(to: Request, id: UInt32, fault: BindFault? = nil) { (self.to, self.id, self.fault) = (to, id, fault) }
  public func encode(into payload: inout PayloadWriter) {
    for field in [to.rawValue, id, fault?.rawValue ?? 0] { payload.put(field) }
  }
  public init(fields payload: inout PayloadReader) throws(MessageError) {
    let number = try payload.u32()
    guard let request = Request(rawValue: number) else { throw .unknownRequest(number) }
    to = request
    id = try payload.u32()
    let code = try payload.u32()
    fault = BindFault(rawValue: code)
    guard code == 0 || fault != nil else { throw .impossible("the reason why nothing was bound does not exist") }
  }
  public func check() throws(MessageError) {
    try DeviceBus.check(binding: id)
    switch to {
    case .bindDoorbell, .unbindDoorbell, .bindMSI, .unbindMSI: return
    default: throw .impossible("an answer to what is no request about a binding")
    }
  }
}
