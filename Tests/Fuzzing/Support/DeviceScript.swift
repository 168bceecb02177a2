// Runs a script of operations on a device model and on its reincarnations, and checks what every model promises.

import DeviceModel

/// What one operation brought about, as a driver of the model sees it.
struct Outcome: Equatable {
  var value: UInt64 = 0
  var interrupt = false
  var machine = MachineEvent.none
  var output: [UInt8] = []
}

/// A broken promise, in a sentence.
struct BrokenPromise: Error {
  let sentence: String
}

/// A model under test, beside a twin that is saved and restored before every operation.
///
/// Promises: restoring what was saved and saving it again gives the same bytes; the restored device then behaves like the one that
/// lived on; a cause that appears comes with a pulse; no more is sent than there is room for; a tampered state is refused or is a
/// device of which all this holds as well.
public struct DeviceScript<Model: DeviceModel> {
  private var model: Model
  private var now = Instant(monotonic: 1_000_000_000, realtime: 1_785_000_000_000_000_000)
  private var room = 0

  /// Runs `input` as a script on a device after power-on. Nil if every promise held.
  public static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    let regions = Model.regions
    var script = DeviceScript()
    var count = 0
    do {
      while count < 4096, let operation = DeviceOperation(from: &source, regions: regions) {
        try script.perform(operation)
        count += 1
      }
      return nil
    } catch let broken as BrokenPromise {
      return "\(Model.self), operation \(count): \(broken.sentence)"
    } catch {
      return "\(error)"
    }
  }

  private init() { model = Model(at: now) }

  private mutating func perform(_ operation: DeviceOperation) throws {
    switch operation {
    case .wait(let time): advance(by: time)
    case .setClock(let time): now.realtime = now.realtime.addingClamped(time)
    case .restart: model = try reincarnation()
    case .tamper(let place, let value): try tamper(place: Int(place), value: value)
    default: try performOnBoth(operation)
    }
  }

  private mutating func advance(by time: Int64) {
    now.monotonic = now.monotonic.addingClamped(time)
    now.realtime = now.realtime.addingClamped(time)
  }

  private mutating func performOnBoth(_ operation: DeviceOperation) throws {
    if operation == .elapse, let deadline = model.deadline, deadline > now.monotonic {
      advance(by: deadline - now.monotonic)
    }
    var twin = try reincarnation()
    let wasPending = model.interruptPending
    let outcome = apply(operation, to: &model)
    let twinOutcome = apply(operation, to: &twin)
    try require(
      outcome == twinOutcome, "a restored device answers \(twinOutcome) instead of \(outcome) to \(operation)")
    try require(saved(model) == saved(twin), "a restored device is in another state after \(operation)")
    try require(
      outcome.interrupt || wasPending || !model.interruptPending, "a cause appeared without a pulse at \(operation)")
    try account(outcome, operation)
  }

  /// The rule of the contract for output: at most what the last figure of room allows.
  private mutating func account(_ outcome: Outcome, _ operation: DeviceOperation) throws {
    if case .outputRoom(let figure) = operation { room = Int(figure) }
    try require(outcome.output.count <= room, "more bytes came out than there is room for")
    room -= outcome.output.count
  }

  private func apply(_ operation: DeviceOperation, to device: inout Model) -> Outcome {
    var effects = Effects()
    var outcome = Outcome()
    // As a device process does: the room first, and what that releases leaves with the access's own effects.
    if operation.isAccess { device.outputRoom(room, at: now, &effects) }
    switch operation {
    case .read(let access): outcome.value = device.read(access, at: now, &effects)
    case .write(let access, let value): device.write(access, value: value, at: now, &effects)
    case .receive(let bytes):
      let taken = Array(bytes.prefix(device.receiveCapacity))
      device.receive(taken.span.bytes, at: now, &effects)
    case .outputRoom(let figure): device.outputRoom(Int(figure), at: now, &effects)
    case .elapse: device.elapse(at: now, &effects)
    case .hostEvent: device.hostEvent(.powerButton, at: now, &effects)
    case .wait, .setClock, .restart, .tamper: break
    }
    outcome.interrupt = effects.interrupt
    outcome.machine = effects.machine
    outcome.output = (0..<effects.outputCount).map { effects.output[$0] }
    return outcome
  }

  private func saved(_ device: borrowing Model) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: Model.stateSize)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    device.save(into: &raw)
    return bytes
  }

  private func reincarnation() throws -> Model {
    let bytes = saved(model)
    do {
      let restored = try Model(restoring: bytes.span.bytes, at: now)
      try require(saved(restored) == bytes, "saving a restored device gives other bytes")
      try require(restored.interruptPending == model.interruptPending, "a restored device has another cause pending")
      try require(restored.receiveCapacity == model.receiveCapacity, "a restored device takes another number of bytes")
      return restored
    } catch let error as StateError {
      throw BrokenPromise(sentence: "a state that the device saved is refused: \(error.sentence)")
    }
  }

  private mutating func tamper(place: Int, value: UInt8) throws {
    var bytes = saved(model)
    bytes[place % bytes.count] = value
    guard let restored = try? Model(restoring: bytes.span.bytes, at: now) else { return }
    try require(saved(restored) == bytes, "a tampered state was taken for another one")
    model = restored
    // What was tampered with may be the room that the model believes in.
    room = Int(UInt16.max)
  }

  private func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
    guard condition else { throw BrokenPromise(sentence: sentence()) }
  }
}

extension Int64 {
  fileprivate func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}
