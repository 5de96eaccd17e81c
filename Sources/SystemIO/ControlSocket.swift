internal import CLinux
internal import Glibc

/// One end of a pair of sockets between two processes of ours, for packets with
/// descriptors: AF_UNIX, SOCK_SEQPACKET (unix(7)). It never blocks.
///
/// A packet comes whole or not at all, and in order. It has 1 to
/// ``packetBytesMax`` bytes (an empty one could not be told from the end), and at most
/// ``descriptorsMax`` descriptors.
package struct ControlSocket: ~Copyable {
  package static let packetBytesMax = 128 * 1024
  package static let descriptorsMax = Int(SLUICE_PACKET_DESCRIPTORS_MAX)
  /// Doubled by the kernel, and limited by net.core.wmem_max.
  private static let sendBufferBytes: Int32 = 512 * 1024
  /// What the kernel wants beside a packet's bytes; far less than this.
  private static let packetOverheadBytes = 4096

  /// For ``EventLoop/watch(readable:)``, and for a child to inherit.
  package let descriptor: FileDescriptor

  /// Takes over an end that this process was started with, or was sent.
  ///
  /// - Throws: ENOTSOCK or EPROTOTYPE when it is not of this kind.
  package init(inheriting descriptor: consuming FileDescriptor) throws(SystemError) {
    let raw = descriptor.rawValue
    guard try SocketOptions.value(SOL_SOCKET, SO_DOMAIN, of: raw) == AF_UNIX,
      try SocketOptions.value(SOL_SOCKET, SO_TYPE, of: raw) == sluice_packet_socket_type
    else { throw SystemError("getsockopt", code: EPROTOTYPE) }
    try descriptor.makeNonblocking()
    try Self.makeRoom(raw)
    self.descriptor = descriptor
  }

  private init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  /// - Throws: ENOBUFS when net.core.wmem_max leaves no room for the longest packet.
  private static func makeRoom(_ descriptor: Int32) throws(SystemError) {
    try SocketOptions.set(SOL_SOCKET, SO_SNDBUF, sendBufferBytes, on: descriptor)
    let room = try SocketOptions.value(SOL_SOCKET, SO_SNDBUF, of: descriptor)
    guard Int(room) >= packetBytesMax + packetOverheadBytes else {
      throw SystemError("setsockopt", code: ENOBUFS)
    }
  }
}

// MARK: - Pairs

/// Two ends: the near one to keep, the far one for another process.
package struct ControlSocketPair: ~Copyable {
  package let near: ControlSocket
  package let far: ControlSocket

  fileprivate init(_ near: consuming ControlSocket, _ far: consuming ControlSocket) {
    self.near = near
    self.far = far
  }

  /// Closes the far end, which the other process has by now.
  package consuming func keepNear() -> ControlSocket { near }
}

extension ControlSocket {
  /// Two ends that are connected to each other; both are closed by exec (FD_CLOEXEC).
  ///
  /// - Throws: What socketpair(2) says, or ENOBUFS when net.core.wmem_max leaves no room for
  ///   the longest packet.
  package static func pair() throws(SystemError) -> ControlSocketPair {
    var ends: (Int32, Int32) = (-1, -1)
    // SAFETY: two integers are written.
    let result = unsafe withUnsafeMutableBytes(of: &ends) { ends in
      unsafe socketpair(
        AF_UNIX, sluice_packet_socket, 0, ends.baseAddress!.assumingMemoryBound(to: Int32.self))
    }
    guard result == 0 else { throw .last("socketpair") }
    let near = ControlSocket(FileDescriptor(owning: ends.0))
    let far = ControlSocket(FileDescriptor(owning: ends.1))
    try makeRoom(ends.0)
    try makeRoom(ends.1)
    return ControlSocketPair(near, far)
  }
}

// MARK: - Sending

extension ControlSocket {
  package enum SendResult: Equatable {
    case sent
    /// The other process has not read what was sent before. Nothing was sent.
    case wouldBlock
    /// The other end is closed. Nothing was sent.
    case peerGone
  }

  /// Sends a packet. The other process gets duplicates of `descriptors`, which stay the caller's.
  ///
  /// - Throws: EMSGSIZE for a packet that is empty or too long, EINVAL for too many
  ///   descriptors, ETOOMANYREFS when more descriptors are on their way than this
  ///   process may have open (sendmsg(2)). Nothing was sent.
  package func send(
    _ bytes: Span<UInt8>, descriptors: [Int32] = []
  ) throws(SystemError) -> SendResult {
    guard (1...Self.packetBytesMax).contains(bytes.count) else {
      throw SystemError("sendmsg", code: EMSGSIZE)
    }
    guard descriptors.count <= Self.descriptorsMax else {
      throw SystemError("sendmsg", code: EINVAL)
    }
    // SAFETY: both are read during the call, and their counts are theirs.
    let count = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe descriptors.withUnsafeBufferPointer { descriptors in
        retryingInterrupts {
          unsafe sluice_send_packet(
            descriptor.rawValue, bytes.baseAddress, bytes.count, descriptors.baseAddress,
            descriptors.count)
        }
      }
    }
    if count >= 0 { return .sent }
    switch errno {
    case EAGAIN: return .wouldBlock
    case EPIPE, ECONNRESET, ECONNREFUSED, ENOTCONN: return .peerGone
    default: throw .last("sendmsg")
    }
  }
}

// MARK: - Receiving

/// The descriptors of a packet, in the order in which they were sent. Those that
/// nobody takes are closed.
package struct ReceivedDescriptors: ~Copyable {
  private let rawValues: [Int32]
  private var taken = 0

  fileprivate init(owning rawValues: [Int32]) {
    self.rawValues = rawValues
  }

  /// How many are left.
  package var count: Int { rawValues.count - taken }

  /// The next one; nil when there is none left. exec closes it (FD_CLOEXEC).
  package mutating func next() -> FileDescriptor? {
    guard taken < rawValues.count else { return nil }
    taken += 1
    return FileDescriptor(owning: rawValues[taken - 1])
  }

  deinit {
    for rawValue in rawValues[taken...] { _ = Glibc.close(rawValue) }
  }
}

extension ControlSocket {
  package enum ReceiveResult: ~Copyable {
    /// So many bytes were written to the beginning of the buffer.
    case packet(byteCount: Int, ReceivedDescriptors)
    /// There is no packet yet.
    case wouldBlock
    /// The other end is closed, by everyone who had it, and all its packets were received.
    case end
  }

  /// Receives the next packet into `buffer`, which should have room for ``packetBytesMax``.
  ///
  /// - Throws: EMSGSIZE when the packet is longer than `buffer`; EMFILE when not all of
  ///   its descriptors could be received, because this process has too many open, or there
  ///   were more than ``descriptorsMax``. The packet is lost then; its descriptors are
  ///   closed, and the next packet can be received.
  package func receive(
    into buffer: inout MutableSpan<UInt8>
  ) throws(SystemError) -> ReceiveResult {
    var loss = SLUICE_PACKET_WHOLE
    var (count, error) = (0, SystemError("recvmsg", code: 0))
    let raw = descriptor.rawValue
    // SAFETY: `buffer` is as long as is said, and there is room for `descriptorsMax`.
    let rawValues = unsafe [Int32](unsafeUninitializedCapacity: Self.descriptorsMax) {
      descriptors, descriptorCount in
      count = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
        // A peer that goes before it has read everything is told first (ECONNRESET), and
        // once; the packets that it had sent come after that.
        repeat {
          let count = unsafe sluice_receive_packet(
            raw, buffer.baseAddress, buffer.count, descriptors.baseAddress, &descriptorCount,
            &loss)
          if count >= 0 { return count }
          error = .last("recvmsg")
          if error.code != EINTR && error.code != ECONNRESET { return count }
        } while true
      }
    }
    if count < 0 {
      if error.code == EAGAIN { return .wouldBlock }
      throw error
    }
    let descriptors = ReceivedDescriptors(owning: rawValues)
    switch loss {
    case SLUICE_PACKET_LOST_BYTES: throw SystemError("recvmsg", code: EMSGSIZE)
    case SLUICE_PACKET_LOST_DESCRIPTORS: throw SystemError("recvmsg", code: EMFILE)
    default: return count == 0 ? .end : .packet(byteCount: count, descriptors)
    }
  }
}
