import Testing

@testable import SystemIO

private func contents(_ chunk: ByteChunk) -> [UInt8] {
  // SAFETY: `count` bytes are initialized, and the chunk lives.
  unsafe Array(UnsafeBufferPointer(start: chunk.address, count: chunk.count))
}

@Suite("Byte chunks")
struct ByteChunkTests {
  @Test("grow with what is appended, and keep it", arguments: [0, 1, 64, 100, 5000])
  func grow(capacity: Int) {
    let chunk = ByteChunk(capacity: capacity)
    #expect(chunk.count == 0 && chunk.capacity >= capacity)
    var expected: [UInt8] = []
    for count in [0, 1, 63, 64, 65, 1000, 0, 100_000] {
      chunk.append(pattern(count))
      expected += pattern(count)
      #expect(chunk.count == expected.count && chunk.capacity >= chunk.count)
    }
    #expect(contents(chunk) == expected)
  }

  @Test("take what is written into their room, all of it or less")
  func append() {
    let chunk = ByteChunk(capacity: 64)
    for count in [0, 1, 40, 200] {
      chunk.removeAll()
      chunk.append([9])
      chunk.append(atMost: 200) { output in
        #expect(output.freeCapacity >= 200)
        for byte in pattern(count) { output.append(byte) }
      }
      #expect(contents(chunk) == [9] + pattern(count))
    }
  }

  @Test("take parts of one another")
  func parts() {
    let source = ByteChunk(capacity: 10)
    source.append(pattern(1000))
    let chunk = ByteChunk(capacity: 1)
    chunk.append(source, 0..<1000)
    chunk.append(source, 500..<500)
    chunk.append(source, 999..<1000)
    #expect(contents(chunk) == pattern(1000) + pattern(1, from: 999))
    #expect(contents(source) == pattern(1000))
  }

  @Test("emptied, they keep their room")
  func removeAll() {
    let chunk = ByteChunk(capacity: 64)
    chunk.append(pattern(5000))
    let capacity = chunk.capacity
    chunk.removeAll()
    #expect(chunk.count == 0 && chunk.capacity == capacity)
    chunk.append([1, 2])
    #expect(contents(chunk) == [1, 2])
  }

  @Test("a part that isn't there traps")
  func missingPart() async {
    await #expect(processExitsWith: .failure) {
      let source = ByteChunk(capacity: 100)
      source.append([1, 2, 3])
      ByteChunk(capacity: 100).append(source, 2..<4)
    }
    await #expect(processExitsWith: .failure) {
      let source = ByteChunk(capacity: 100)
      source.append([1, 2, 3])
      ByteChunk(capacity: 100).append(source, -1..<1)
    }
  }
}
