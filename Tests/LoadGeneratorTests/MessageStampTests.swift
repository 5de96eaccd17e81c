import Testing

@testable import LoadGenerator

private func payload(_ stamp: MessageStamp, _ number: UInt64) -> [UInt8] {
  [UInt8](capacity: stamp.size) { output in
    stamp.append(number, to: &output)
  }
}

/// What a receiver makes of it: the number, nil where there is none, or the error.
private func check(
  _ payload: [UInt8], _ stamp: MessageStamp
) -> Result<UInt64?, PayloadError> {
  Result { () throws(PayloadError) in try stamp.number(of: payload.span) }
}

@Suite("What benchmark messages contain", .timeLimit(.minutes(5)))
struct MessageStampTests {
  private static let sizes = Array(0...40) + [63, 64, 65, 71, 72, 73, 127, 1000, 1024, 65_537]
  private static let numbers: [UInt64] = [
    0, 1, 63, 64, 4095, 4096, 1 << 24 - 1, 1 << 24, 0x25A_5A5A_5A5A, MessageStamp.numberCount - 1,
  ]

  @Test("a payload has its size, is printable ASCII, and says its number", arguments: sizes)
  func roundTrip(size: Int) {
    let stamp = MessageStamp(stream: 5, size: size)
    for number in Self.numbers {
      let bytes = payload(stamp, number)
      #expect(bytes.count == size)
      #expect(bytes.allSatisfy { (0x20...0x7E).contains($0) })
      #expect(check(bytes, stamp) == .success(size < 8 ? nil : number))
    }
  }

  @Test("it is appended to what is there, and may not exceed the room")
  func appended() async {
    let stamp = MessageStamp(stream: 0, size: 13)
    let bytes = [UInt8](capacity: 100) { output in
      output.append(0xFF)
      stamp.append(1, to: &output)
      stamp.append(2, to: &output)
    }
    #expect(bytes == [0xFF] + payload(stamp, 1) + payload(stamp, 2))
    await #expect(processExitsWith: .failure) {
      _ = payload(MessageStamp(stream: 0, size: 13), 1)
      _ = [UInt8](capacity: 12) { output in
        MessageStamp(stream: 0, size: 13).append(1, to: &output)
      }
    }
  }

  @Test("numbers begin again after 2^42")
  func wrapped() {
    let stamp = MessageStamp(stream: 3, size: 30)
    #expect(payload(stamp, 1 << 42 + 7) == payload(stamp, 7))
    #expect(payload(stamp, .max) == payload(stamp, 1 << 42 - 1))
  }

  @Test("every change of a byte is seen", arguments: sizes.filter { $0 > 0 && $0 <= 127 })
  func changedByte(size: Int) {
    let stamp = MessageStamp(stream: 1, size: size)
    let bytes = payload(stamp, 0x1234_5678)
    var seen = 0
    for index in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[index] ^= 1 << UInt8(bit)
        if check(changed, stamp) == .failure(.wrongContent) { seen += 1 }
      }
    }
    // In the number itself only the check digit tells, unless there is filler behind it; one
    // in 64 changes leaves the digit as it was.
    #expect(seen >= (size >= 8 && size < 16 ? size * 8 - 6 : size * 8))
  }

  @Test("any bytes at all are judged, not trapped on")
  func randomBytes() {
    var generator = SeededGenerator(state: 1)
    for size in 0..<200 {
      let stamp = MessageStamp(stream: 9, size: size)
      for _ in 0..<20 {
        let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
        if size >= 4 { #expect(check(bytes, stamp) == .failure(.wrongContent)) }
      }
    }
  }

  @Test("a byte too few or too many is a wrong size", arguments: [0, 1, 7, 8, 9, 100])
  func wrongSize(size: Int) {
    let stamp = MessageStamp(stream: 0, size: size)
    #expect(check(payload(stamp, 3) + [0x30], stamp) == .failure(.wrongSize))
    if size > 0 { #expect(check(payload(stamp, 3).dropLast(), stamp) == .failure(.wrongSize)) }
  }

  @Test("what belongs elsewhere is seen: another stream, message, or place")
  func misplaced() {
    let stamp = MessageStamp(stream: 1, size: 4096)
    #expect(check(payload(MessageStamp(stream: 2, size: 4096), 7), stamp) != .success(7))
    let bytes = payload(stamp, 7)
    let next = payload(stamp, 8)
    for half in [1024, 2048, 4088] {
      #expect(check(Array(bytes[..<half] + next[half...]), stamp) == .failure(.wrongContent))
    }
    var swapped = bytes
    for index in 1024..<2048 { swapped.swapAt(index, index + 1024) }
    #expect(check(swapped, stamp) == .failure(.wrongContent))
  }
}

@Suite("The order of messages", .timeLimit(.minutes(5)))
struct MessageOrderTests {
  /// What each of the numbers is, and how many are missing in the end.
  private func arrivals(_ numbers: [UInt64], next: UInt64 = 0) -> ([Arrival], missing: UInt64) {
    var order = MessageOrder(next: next)
    let arrivals = numbers.map { order.receive($0) }
    return (arrivals, order.missing)
  }

  @Test("one after the other is in order")
  func inOrder() {
    let (arrivals, missing) = arrivals(Array(0..<1000))
    #expect(arrivals == Array(repeating: .inOrder, count: 1000))
    #expect(missing == 0)
  }

  @Test("what was skipped is lost until it comes")
  func late() {
    #expect(arrivals([0, 3]) == ([.inOrder, .skipped(2)], missing: 2))
    #expect(
      arrivals([0, 3, 2, 4, 1, 5])
        == ([.inOrder, .skipped(2), .late, .inOrder, .late, .inOrder], missing: 0))
    #expect(arrivals([2, 0, 1]) == ([.skipped(2), .late, .late], missing: 0))
  }

  @Test("what has come is a duplicate, in order or late")
  func duplicate() {
    #expect(arrivals([0, 0]) == ([.inOrder, .duplicate], missing: 0))
    #expect(
      arrivals([0, 2, 1, 1, 2])
        == ([.inOrder, .skipped(1), .late, .duplicate, .duplicate], missing: 0))
    #expect(arrivals([9, 10], next: 10) == ([.duplicate, .inOrder], missing: 0))
  }

  @Test("the last 64 messages are remembered")
  func memory() {
    // Message 0 is skipped, and comes behind so many others.
    #expect(arrivals(Array(1...63) + [0]).0.last == .late)
    #expect(arrivals(Array(1...63) + [0]).missing == 0)
    #expect(arrivals(Array(1...64) + [0]).0.last == .duplicate)
    #expect(arrivals(Array(1...64) + [0]).missing == 1)
    #expect(arrivals([1 << 41 - 1, 0]).0 == [.skipped(1 << 41 - 1), .duplicate])
  }

  @Test("numbers begin again after the last")
  func wrapped() {
    let last = MessageStamp.numberCount - 1
    #expect(
      arrivals([last, 1, 0, last], next: last)
        == ([.inOrder, .skipped(1), .late, .duplicate], missing: 0))
  }
}
