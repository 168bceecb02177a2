// The life of a virtio device (virtio 2.1, 3.1, 4.1.4.3.1).

extension VirtioFunction {
  /// What device_status reads: not 0 until a reset is complete, because rings may still be in use (virtio 4.1.4.3.1).
  var statusRegister: UInt8 { status == 0 && resetting ? DeviceStatus.needsReset : status }

  /// The driver adds bits; it cannot take one away but by a reset.
  mutating func write(status value: UInt8) {
    guard value != 0 else { return reset() }
    var added = value & DeviceStatus.writable & ~status
    if added & DeviceStatus.featuresOK != 0, !acceptsFeatures { added &= ~DeviceStatus.featuresOK }
    // A driver that starts a device with which it agreed on nothing.
    if (status | added) & DeviceStatus.featuresOK == 0 { added &= ~DeviceStatus.driverOK }
    status |= added
  }

  /// virtio 2.2: a subset of what is offered, and never a legacy driver. An abandoned device accepts nobody.
  private var acceptsFeatures: Bool {
    !abandoned && driverFeatures & ~offered == 0 && driverFeatures & Feature.version1 != 0
  }

  /// Registers are reset at once; whether the back-end must be, `resetting` says.
  private mutating func reset() {
    if status & DeviceStatus.driverOK != 0 && !abandoned { resetting = true }
    status = 0
    (deviceFeatureSelect, driverFeatureSelect, driverFeatures) = (0, 0, 0)
    (configVector, queueSelect, isr, cacheMode) = (Queue.noVector, 0, 0, nil)
    for index in 0..<queues.count { queues[index] = Queue() }
    kicks = 0
  }

  /// Something is wrong that only a reset puts right (virtio 2.1.2): the driver is told, if it has started the device.
  mutating func breakDown() {
    guard status & DeviceStatus.needsReset == 0, status != 0 else { return }
    status |= DeviceStatus.needsReset
    if status & DeviceStatus.driverOK != 0 { announceConfigChange() }
  }

  /// Tells the driver to look at configuration and status.
  mutating func announceConfigChange() {
    configGeneration &+= 1
    isr |= 2
    if configVector != Queue.noVector { vectors.fire(Int(configVector)) }
  }
}
