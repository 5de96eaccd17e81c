import Glibc
import Testing

@testable import SystemIO

/// Two connected Unix sockets, the sending one not blocking and with a small buffer.
private struct SocketPair: ~Copyable {
  let sender: FileDescriptor
  let receiver: FileDescriptor

  init() {
    var pair: [Int32] = [-1, -1]
    // SAFETY: two descriptors are written.
    unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
    sender = FileDescriptor(owning: pair[0])
    receiver = FileDescriptor(owning: pair[1])
    var size: Int32 = 4096
    // SAFETY: one Int32 is read.
    unsafe setsockopt(
      sender.rawValue, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
  }

  /// What has arrived, at most `count` bytes of it.
  func receive(_ count: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    // SAFETY: the buffer's size is passed.
    let received = unsafe recv(
      receiver.rawValue, &buffer, count, Int32(MSG_DONTWAIT))
    return Array(buffer.prefix(max(0, received)))
  }
}

private func chunk(_ bytes: [UInt8], capacity: Int = 0) -> ByteChunk {
  let chunk = ByteChunk(capacity: max(capacity, bytes.count))
  chunk.append(bytes)
  return chunk
}

@Suite("The send queue", .timeLimit(.minutes(5)))
struct SendQueueTests {
  @Test("what is queued leaves in order, however little is taken at a time", arguments: 1...6)
  func order(seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed))
    let pair = SocketPair()
    let queue = SendQueue()
    var expected: [UInt8] = []
    var received: [UInt8] = []
    for _ in 0..<400 {
      let longest = [10, 100, 3000, 20_000].randomElement(using: &generator)!
      let bytes = pattern(Int.random(in: 0...longest, using: &generator), from: expected.count)
      let start = Int.random(in: 0...bytes.count, using: &generator)
      let capacity = Bool.random(using: &generator) ? 0 : 100_000
      queue.append(chunk(bytes, capacity: capacity), start..<bytes.count)
      expected += bytes[start...]
      if Bool.random(using: &generator) {
        if case .failed(let error) = queue.flush(to: pair.sender.rawValue) {
          Issue.record("\(error)")
        }
        received += pair.receive(Int.random(in: 1...30_000, using: &generator))
      }
    }
    var rounds = 0
    while case .blocked = queue.flush(to: pair.sender.rawValue), rounds < 1_000_000 {
      received += pair.receive(5000)
      rounds += 1
    }
    #expect(queue.byteCount == 0)
    while case let piece = pair.receive(50_000), !piece.isEmpty { received += piece }
    #expect(received == expected)
  }

  @Test("it counts what the kernel has not taken")
  func byteCount() {
    let pair = SocketPair()
    let queue = SendQueue()
    #expect(queue.byteCount == 0)
    queue.append(chunk(pattern(100_000)), 0..<100_000)
    queue.append(chunk(pattern(10)), 3..<7)
    #expect(queue.byteCount == 100_004)
    guard case .blocked = queue.flush(to: pair.sender.rawValue) else {
      Issue.record("not blocked")
      return
    }
    var received = 0
    while case let piece = pair.receive(1 << 20), !piece.isEmpty { received += piece.count }
    #expect(received > 0 && queue.byteCount == 100_004 - received)
  }

  @Test("what is appended may be changed afterwards, unless it is shared")
  func copies() {
    let pair = SocketPair()
    let queue = SendQueue()
    var small = chunk(pattern(100), capacity: 10_000)
    queue.append(small, 0..<100)
    #expect(isKnownUniquelyReferenced(&small), "little of a large chunk is copied")
    small.removeAll()
    small.append([UInt8](repeating: 0, count: 100))
    var large = chunk(pattern(8000))
    queue.append(large, 0..<8000)
    #expect(!isKnownUniquelyReferenced(&large), "much of a chunk is shared")
    var received: [UInt8] = []
    while case .blocked = queue.flush(to: pair.sender.rawValue) { received += pair.receive(4096) }
    while case let piece = pair.receive(8192), !piece.isEmpty { received += piece }
    #expect(received == pattern(100) + pattern(8000))
    #expect(isKnownUniquelyReferenced(&large), "what has left is not held any more")
  }

  @Test("a queue that never empties doesn't hold what has left")
  func releases() {
    let pair = SocketPair()
    let queue = SendQueue()
    var chunks: [ByteChunk] = []
    var sent = 0
    for _ in 0..<40 {
      let next = chunk(pattern(20_000))
      queue.append(next, 0..<20_000)
      sent += 20_000
      chunks.append(next)
      // All but the last 20,000 bytes or so leave.
      while queue.byteCount > 20_000 {
        _ = queue.flush(to: pair.sender.rawValue)
        _ = pair.receive(1 << 20)
      }
    }
    #expect(queue.byteCount > 0)
    var held = 0
    for index in chunks.indices where !isKnownUniquelyReferenced(&chunks[index]) { held += 1 }
    #expect(held <= 2, "\(queue.byteCount) bytes are queued, \(held) chunks of 20,000 are held")
  }

  @Test("a peer that has gone is told of")
  func broken() {
    let queue = SendQueue()
    queue.append(chunk([1, 2, 3]), 0..<3)
    let sender: FileDescriptor
    do {
      let pair = SocketPair()
      sender = FileDescriptor(owning: fcntl(pair.sender.rawValue, F_DUPFD_CLOEXEC, 0))
    }
    guard case .failed(let error) = queue.flush(to: sender.rawValue) else {
      Issue.record("not failed")
      return
    }
    #expect(error == SystemError("sendmsg", code: EPIPE))
  }
}
