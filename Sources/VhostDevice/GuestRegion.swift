import class Virtqueue.InflightArea
import struct Virtqueue.MemoryRegion

// Both protocols have a region and a log area of their own; these are the mapped ones. (A module that is called like one of
// its types cannot be named in front of another type.)
typealias GuestRegion = MemoryRegion
typealias InflightLog = InflightArea
