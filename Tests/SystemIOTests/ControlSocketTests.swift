import Glibc
import Testing

@testable import SystemIO

/// What was received, with the descriptors' numbers closed again.
private enum Received: Equatable {
  case packet([UInt8], descriptorCount: Int)
  case wouldBlock
  case end
}

private func receive(
  from socket: borrowing ControlSocket, room: Int = ControlSocket.packetBytesMax
) throws(SystemError) -> Received {
  var buffer = [UInt8](repeating: 0, count: room)
  var span = buffer.mutableSpan
  switch try socket.receive(into: &span) {
  case .packet(let count, let descriptors):
    return .packet(Array(buffer[..<count]), descriptorCount: descriptors.count)
  case .wouldBlock: return .wouldBlock
  case .end: return .end
  }
}

private func send(
  _ bytes: [UInt8], descriptors: [Int32] = [], on socket: borrowing ControlSocket
) throws(SystemError) -> ControlSocket.SendResult {
  try socket.send(bytes.span, descriptors: descriptors)
}

@Suite("Control sockets", .timeLimit(.minutes(5)))
struct ControlSocketTests {
  @Test("carry packets whole and in order, both ways")
  func packets() throws {
    let pair = try ControlSocket.pair()
    #expect(try receive(from: pair.far) == .wouldBlock)
    #expect(try send([1], on: pair.near) == .sent)
    #expect(try send([2, 3], on: pair.near) == .sent)
    #expect(try send([4], on: pair.far) == .sent)
    #expect(try receive(from: pair.far) == .packet([1], descriptorCount: 0))
    #expect(try receive(from: pair.far) == .packet([2, 3], descriptorCount: 0))
    #expect(try receive(from: pair.far) == .wouldBlock)
    #expect(try receive(from: pair.near) == .packet([4], descriptorCount: 0))
  }

  @Test("neither block nor pass through exec")
  func flags() throws {
    let pair = try ControlSocket.pair()
    for raw in [pair.near.descriptor.rawValue, pair.far.descriptor.rawValue] {
      #expect(fcntl(raw, F_GETFL) & O_NONBLOCK != 0)
      #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
    }
  }

  @Test("carry packets of 1 byte to 128 KiB")
  func sizes() throws {
    let pair = try ControlSocket.pair()
    let longest = (0..<ControlSocket.packetBytesMax).map { UInt8(truncatingIfNeeded: $0 * 7) }
    #expect(try send(longest, on: pair.near) == .sent)
    #expect(try receive(from: pair.far) == .packet(longest, descriptorCount: 0))
    #expect(throws: SystemError("sendmsg", code: EMSGSIZE)) {
      _ = try send(longest + [0], on: pair.near)
    }
    #expect(throws: SystemError("sendmsg", code: EMSGSIZE)) { _ = try send([], on: pair.near) }
    #expect(try receive(from: pair.far) == .wouldBlock)
  }

  @Test("say when the other process does not read, and lose nothing")
  func full() throws {
    let pair = try ControlSocket.pair()
    let packet = [UInt8](repeating: 9, count: ControlSocket.packetBytesMax)
    var sent = 0
    while try send(packet, on: pair.near) == .sent { sent += 1 }
    #expect(sent >= 1 && sent < 100)
    #expect(try receive(from: pair.far) == .packet(packet, descriptorCount: 0))
    #expect(try send(packet, on: pair.near) == .sent)
    for _ in 0..<sent {
      #expect(try receive(from: pair.far) == .packet(packet, descriptorCount: 0))
    }
    #expect(try receive(from: pair.far) == .wouldBlock)
  }

  @Test("pass descriptors of the same open files, which exec closes")
  func descriptors() throws {
    let pair = try ControlSocket.pair()
    let streams = try StreamPair()
    #expect(try send([7], descriptors: [streams.far.rawValue], on: pair.near) == .sent)
    var buffer: [UInt8] = [0]
    var span = buffer.mutableSpan
    guard case .packet(1, var received) = try pair.far.receive(into: &span) else {
      Issue.record("no packet")
      return
    }
    #expect(received.count == 1)
    guard let end = received.next() else {
      Issue.record("no descriptor")
      return
    }
    #expect(received.count == 0)
    let another = received.next() != nil
    #expect(!another)
    #expect(end.rawValue != streams.far.rawValue)
    #expect(fcntl(end.rawValue, F_GETFD) & FD_CLOEXEC != 0)
    try sendAll([8, 9], on: end.rawValue)
    #expect(try receiveUpTo(2, on: streams.near.rawValue) == [8, 9])
  }

  @Test("descriptors that nobody takes are closed; too many, or one that isn't open, are not sent")
  func untaken() throws {
    let pair = try ControlSocket.pair()
    let streams = try StreamPair()
    let many = [Int32](repeating: streams.near.rawValue, count: ControlSocket.descriptorsMax)
    #expect(try send([1], descriptors: many, on: pair.near) == .sent)
    #expect(try receive(from: pair.far) == .packet([1], descriptorCount: many.count))
    #expect(copies(of: streams.near.rawValue) == 1)
    #expect(throws: SystemError("sendmsg", code: EINVAL)) {
      _ = try send([1], descriptors: many + [STDERR_FILENO], on: pair.near)
    }
    #expect(throws: SystemError("sendmsg", code: EBADF)) {
      _ = try send([1], descriptors: [-1], on: pair.near)
    }
    #expect(try receive(from: pair.far) == .wouldBlock)
  }

  @Test("a packet without room for its bytes is an error, leaks nothing and is gone")
  func truncated() throws {
    let pair = try ControlSocket.pair()
    let streams = try StreamPair()
    let several = [Int32](repeating: streams.near.rawValue, count: 3)
    #expect(try send([1, 2, 3], descriptors: several, on: pair.near) == .sent)
    #expect(try send([4], on: pair.near) == .sent)
    #expect(throws: SystemError("recvmsg", code: EMSGSIZE)) {
      _ = try receive(from: pair.far, room: 2)
    }
    #expect(copies(of: streams.near.rawValue) == 1)
    #expect(try receive(from: pair.far, room: 2) == .packet([4], descriptorCount: 0))
  }

  @Test("a packet whose descriptors find no room is an error, and leaks none")
  func noDescriptors() async {
    await #expect(processExitsWith: .success) {
      let pair = try ControlSocket.pair()
      let streams = try StreamPair()
      let four = [Int32](repeating: streams.near.rawValue, count: 4)
      #expect(try send([1], descriptors: four, on: pair.near) == .sent)
      #expect(try send([2], on: pair.near) == .sent)
      var limit = rlimit()
      // SAFETY: both work on one rlimit.
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = 64
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var taken: [Int32] = []
      while case let copy = dup(2), copy >= 0 { taken.append(copy) }
      // Room for two of the four.
      for _ in 0..<2 { close(taken.removeLast()) }
      let lost = Result { try receive(from: pair.far) }
      let left = copies(of: streams.near.rawValue)
      let next = Result { try receive(from: pair.far) }
      // The test library needs descriptors too.
      for copy in taken { close(copy) }
      #expect(throws: SystemError("recvmsg", code: EMFILE)) { _ = try lost.get() }
      #expect(left == 1)
      #expect(try next.get() == .packet([2], descriptorCount: 0))
    }
  }

  @Test("tell the end after what was sent before it", arguments: [false, true])
  func end(unread: Bool) throws {
    let pair = try ControlSocket.pair()
    if unread { _ = try send([8], on: pair.near) }
    #expect(try send([1], on: pair.far) == .sent)
    #expect(try send([2], on: pair.far) == .sent)
    let near = pair.keepNear()
    #expect(try receive(from: near) == .packet([1], descriptorCount: 0))
    #expect(try receive(from: near) == .packet([2], descriptorCount: 0))
    #expect(try receive(from: near) == .end)
    #expect(try receive(from: near) == .end)
    #expect(try send([1], on: near) == .peerGone)
  }

  @Test("are taken over only when they are such")
  func inheriting() throws {
    let listener = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    // At numbers that no other test's descriptors take meanwhile.
    for kind in [listener.socket.rawValue, STDERR_FILENO] {
      let raw = fcntl(kind, F_DUPFD_CLOEXEC, 720)
      #expect(throws: SystemError.self) {
        _ = try ControlSocket(inheriting: FileDescriptor(owning: raw))
      }
      #expect(fcntl(raw, F_GETFD) == -1, "it was closed")
    }
    let pair = try ControlSocket.pair()
    // As dup2 leaves it to a child: without FD_CLOEXEC.
    let far = try ControlSocket(
      inheriting: FileDescriptor(owning: dup(pair.far.descriptor.rawValue)))
    #expect(fcntl(far.descriptor.rawValue, F_GETFD) & FD_CLOEXEC != 0)
    #expect(try send([5], on: pair.near) == .sent)
    #expect(try receive(from: far) == .packet([5], descriptorCount: 0))
  }
}
