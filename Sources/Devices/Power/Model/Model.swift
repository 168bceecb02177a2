// The power device: everything by which a guest switches off or resets the machine, and hears of the power button.

import DeviceModel

/// Power management for three kinds of guest: Loongson's own block (region 0), ACPI fixed hardware (region 1) and hardware-reduced
/// ACPI with a generic event device (region 2); beside them the hot-plug block (region 3), in which nothing can be plugged.
///
/// An access of 1, 2, 4 or 8 bytes at any offset reaches just the bytes it names; bytes without a register read 0 and ignore stores.
public struct PowerDevice: DeviceModel, Sendable {
  /// Power management, ACPI block, event device, hot-plug.
  public static var regions: [RegionLayout] {
    [
      RegionLayout(size: PowerManagement.size, posted: false), RegionLayout(size: ACPIBlock.size, posted: false),
      RegionLayout(size: EventDevice.size, posted: false), RegionLayout(size: HotplugBlock.size, posted: false),
    ]
  }

  var fixed: FixedHardware
  var eventDevice = GenericEventDevice()
  /// Region 3's registers.
  var hotplug = HotplugBlocks()

  public init(at now: Instant) { fixed = FixedHardware(at: now.monotonic) }

  public var interruptPending: Bool { eventDevice.interruptPending || fixed.interruptPending }

  // MARK: Guest accesses

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    fixed.observeTimer(at: now.monotonic)
    var value: UInt64 = 0
    for word in access.words {
      value |= UInt64(readWord(access.region, word, at: now)) << access.position(of: word)
    }
    signalPending(&effects)
    return value & access.mask
  }

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    fixed.observeTimer(at: now.monotonic)
    for word in access.words {
      let position = access.position(of: word)
      let request = writeWord(
        access.region, word, UInt32(truncatingIfNeeded: value >> position),
        mask: UInt32(truncatingIfNeeded: access.mask >> position))
      if request != .none { effects.machine = request }
    }
    signalPending(&effects)
  }

  private mutating func readWord(_ region: UInt8, _ offset: UInt32, at now: Instant) -> UInt32 {
    switch region {
    case Region.acpi: fixed.read(offset, at: now.monotonic)
    case Region.events: eventDevice.read(offset)
    case Region.hotplug where offset == HotplugBlock.cpu: hotplug.cpu
    default: 0
    }
  }

  private mutating func writeWord(_ region: UInt8, _ offset: UInt32, _ value: UInt32, mask: UInt32) -> MachineEvent {
    switch region {
    case Region.powerManagement where offset == PowerManagement.mode && mask & 0xff != 0: return Self.modeRequest(value)
    case Region.acpi: return fixed.write(offset, value, mask: mask)
    case Region.events: return eventDevice.write(offset, value, mask: mask)
    case Region.hotplug where offset == HotplugBlock.cpu: hotplug.writeCPU(value, mask: mask)
    case Region.hotplug where offset == HotplugBlock.memory: hotplug.writeMemory(value, mask: mask)
    default: break
    }
    return .none
  }

  private static func modeRequest(_ value: UInt32) -> MachineEvent {
    switch UInt8(truncatingIfNeeded: value) {
    case PowerManagement.reset: .reset
    case PowerManagement.powerOff: .powerOff
    default: .none
    }
  }

  // MARK: Events

  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {
    fixed.observeTimer(at: now.monotonic)
    switch event {
    case .powerButton:
      eventDevice.events |= EventDevice.powerButtonEvent
      fixed.status |= PM1Event.powerButton
    }
    signalPending(&effects)
  }

  /// The next change of the PM timer's top bit, while the guest wants an interrupt for it.
  public var deadline: Int64? { fixed.deadline }

  public mutating func elapse(at now: Instant, _ effects: inout Effects) {
    let wasPending = interruptPending
    fixed.observeTimer(at: now.monotonic)
    if !wasPending { signalPending(&effects) }
  }

  /// The pin is an edge, so whatever is pending after an access or an event is signalled, again if need be.
  private func signalPending(_ effects: inout Effects) {
    if interruptPending { effects.interrupt = true }
  }

  // MARK: What a power device does not have

  public var receiveCapacity: Int { 0 }
  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {}
  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
}

extension Access {
  /// Offsets of the aligned 32-bit words that the access touches, at most three.
  var words: StrideTo<UInt32> {
    let first = offset & ~3
    return stride(from: first, to: min(offset, 0xffff_fff0) + UInt32(min(size, 8)), by: 4)
  }

  /// How many bits `word` lies above the access's own start; negative for a word that begins below it.
  func position(of word: UInt32) -> Int { 8 * (Int(word) - Int(offset)) }

  /// The bits of a value that the access carries.
  var mask: UInt64 { size >= 8 ? .max : (1 << (8 * UInt64(size))) - 1 }
}
