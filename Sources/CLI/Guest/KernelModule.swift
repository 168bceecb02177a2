/// A loadable module of the Linux kernel: what its file says about itself.
struct KernelModule: Equatable {
  /// The name by which others depend on it, with underscores.
  let name: String
  /// Modules that must be there first, by name.
  let dependencies: [String]
  /// What it is loaded for, such as "virtio:d00000002v*" or "fs-ext4".
  let aliases: [String]
  /// The relocatable ELF file, not compressed.
  let file: [UInt8]

  /// Reads the section ".modinfo", in which the kernel's build leaves "key=value" strings that each end with a zero
  /// (Documentation/kbuild/modules.rst); nil for a file that has none.
  init?(_ file: [UInt8]) {
    guard let section = ELFSections(file)?.find(".modinfo") else { return nil }
    var (name, dependencies, aliases): (String?, [String], [String]) = (nil, [], [])
    for entry in file[section].split(separator: 0) {
      let text = String(decoding: entry, as: UTF8.self)
      guard let equals = text.firstIndex(of: "=") else { continue }
      let value = String(text[text.index(after: equals)...])
      switch text[..<equals] {
      case "name": name = value
      case "depends": dependencies = value.split(separator: ",").map { KernelModule.canonical(String($0)) }
      case "alias": aliases.append(value)
      default: continue
      }
    }
    guard let name else { return nil }
    self.name = KernelModule.canonical(name)
    (self.dependencies, self.aliases, self.file) = (dependencies, aliases, file)
  }

  /// File names may have dashes where module names have underscores.
  static func canonical(_ name: String) -> String { name.replacing("-", with: "_") }
}

/// The section table of a 64-bit little-endian ELF file.
private struct ELFSections {
  private let file: [UInt8]
  private let table: Int
  private let count: Int
  private let names: Int

  init?(_ file: [UInt8]) {
    guard file.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]), file.count >= 64 else { return nil }
    self.file = file
    table = ELFSections.number(file, 0x28, 8)
    count = ELFSections.number(file, 0x3c, 2)
    names = ELFSections.number(file, 0x3e, 2)
    guard ELFSections.number(file, 0x3a, 2) == 64, table >= 0, table <= file.count - count * 64, names < count else {
      return nil
    }
  }

  /// Where the section called `name` lies in the file.
  func find(_ name: String) -> Range<Int>? {
    guard let strings = range(names) else { return nil }
    return (0..<count).first { index in
      let offset = ELFSections.number(file, table + index * 64, 4)
      guard offset < strings.count else { return false }
      return file[strings].dropFirst(offset).prefix { $0 != 0 }.elementsEqual(name.utf8)
    }.flatMap { range($0) }
  }

  private func range(_ index: Int) -> Range<Int>? {
    let offset = ELFSections.number(file, table + index * 64 + 0x18, 8)
    let size = ELFSections.number(file, table + index * 64 + 0x20, 8)
    guard offset >= 0, size >= 0, offset <= file.count, size <= file.count - offset else { return nil }
    return offset..<offset + size
  }

  private static func number(_ file: [UInt8], _ offset: Int, _ bytes: Int) -> Int {
    (0..<bytes).reduce(0) { $0 | Int(truncatingIfNeeded: UInt64(file[offset + $1]) << UInt64(8 * $1)) }
  }
}
