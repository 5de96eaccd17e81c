import Glibc

@testable import SystemIO

/// A peer of the loop's sockets: blocking, but for no longer than ten seconds.
struct ClientSocket: ~Copyable {
  let descriptor: FileDescriptor

  init(to address: SocketAddress) throws(SystemError) {
    let family =
      switch address {
      case .ipv4: AF_INET
      case .ipv6: AF_INET6
      case .unix: AF_UNIX
      }
    let raw = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard raw >= 0 else { throw .last("socket") }
    let descriptor = FileDescriptor(owning: raw)
    set(SO_RCVTIMEO, of: raw, to: timeval(tv_sec: 10, tv_usec: 0))
    set(SO_SNDTIMEO, of: raw, to: timeval(tv_sec: 10, tv_usec: 0))
    // SAFETY: the address lives during the call.
    guard unsafe address.withSockaddr({ unsafe connect(raw, $0, $1) }) == 0 else {
      throw .last("connect")
    }
    self.descriptor = descriptor
  }

  func send(_ bytes: [UInt8]) throws(SystemError) {
    try sendAll(bytes, on: descriptor.rawValue)
  }

  func send(_ text: String) throws(SystemError) {
    try send(Array(text.utf8))
  }

  /// So many bytes; fewer only when the stream ends.
  func receive(_ count: Int) throws(SystemError) -> [UInt8] {
    try receiveUpTo(count, on: descriptor.rawValue)
  }

  func receiveToEnd() throws(SystemError) -> [UInt8] {
    try receiveUpTo(.max, on: descriptor.rawValue)
  }

  func shutdownWrite() {
    _ = shutdown(descriptor.rawValue, Int32(SHUT_WR))
  }

  /// Closes with RST.
  consuming func reset() {
    set(SO_LINGER, of: descriptor.rawValue, to: linger(l_onoff: 1, l_linger: 0))
  }
}

private func set<Value: BitwiseCopyable>(_ option: Int32, of descriptor: Int32, to value: Value) {
  var value = value
  // SAFETY: the kernel reads one value of the size that is passed.
  unsafe setsockopt(descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Value>.size))
}

func sendAll(_ bytes: [UInt8], on descriptor: Int32) throws(SystemError) {
  var sent = 0
  while sent < bytes.count {
    // SAFETY: the rest of the array, which outlives the call.
    let count = unsafe bytes.withUnsafeBytes { buffer in
      unsafe Glibc.send(
        descriptor, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
    }
    guard count >= 0 else { throw .last("send") }
    sent += count
  }
}

func receiveUpTo(_ wanted: Int, on descriptor: Int32) throws(SystemError) -> [UInt8] {
  var received: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while received.count < wanted {
    let room = min(buffer.count, wanted - received.count)
    // SAFETY: the size that is passed is within the buffer's.
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe recv(descriptor, $0.baseAddress!, room, 0)
    }
    guard count >= 0 else { throw .last("recv") }
    if count == 0 { break }
    received += buffer[..<count]
  }
  return received
}
