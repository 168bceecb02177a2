import ConsoleModel
import Testing

@Suite("Console model")
struct ModelTests {
  @Test("the size is in the configuration space and in the features, if there is one")
  func configuration() {
    let known = ConsoleConfiguration(size: ConsoleSize(columns: 0x150, rows: 50))
    #expect(known.bytes == [0x50, 1, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(known.features == 1)
    #expect(ConsoleConfiguration().bytes == [UInt8](repeating: 0, count: 12))
    #expect(ConsoleConfiguration().features == 0)
  }

  @Test(
    "sizes are COLUMNSxROWS and nothing else",
    arguments: [
      ("80x25", ConsoleSize(columns: 80, rows: 25)), ("1x65535", ConsoleSize(columns: 1, rows: 65535)), ("", nil),
      ("80", nil),
      ("80x", nil), ("x25", nil), ("0x25", nil), ("80x25x", nil), ("80x65536", nil), ("80X25", nil), ("-1x25", nil),
      ("99999999999999999999x1", nil),
    ] as [(String, ConsoleSize?)])
  func size(text: String, size: ConsoleSize?) { #expect(ConsoleSize(text) == size) }

  @Test(
    "a chain goes on behind what its note says, another one begins",
    arguments: [
      (TransferNote(place: 7, position: 100), 7, 130, 30), (TransferNote(place: 7, position: 100), 7, 100, 0),
      (TransferNote(place: 7, position: 100), 8, 130, 0), (TransferNote(place: 7, position: 100), 7, 99, 0),
      (TransferNote(place: 7, position: 100), 7, 151, 0), (TransferNote(place: 7, position: .max), 7, 4, 5),
      (nil, 7, 130, 0),
    ] as [(TransferNote?, UInt16, UInt64, Int)])
  func sent(note: TransferNote?, place: UInt16, producer: UInt64, expected: Int) {
    #expect(TransferNote.sent(note, place: place, producer: producer, bytes: 50) == expected)
  }

  @Test(
    "bytes that the guest got are passed over once",
    arguments: [
      (TransferNote(place: 7, position: 100, count: 5), 8, 100, 5),
      (TransferNote(place: 7, position: 100, count: 5), 7, 100, 0),
      (TransferNote(place: 7, position: 100, count: 5), 8, 105, 0),
      (TransferNote(place: 7, position: 100, count: 11), 8, 100, 0),
      (nil, 8, 100, 0),
    ] as [(TransferNote?, UInt16, UInt64, Int)])
  func delivered(note: TransferNote?, place: UInt16, consumer: UInt64, expected: Int) {
    #expect(TransferNote.delivered(note, place: place, consumer: consumer, available: 10) == expected)
  }
}
