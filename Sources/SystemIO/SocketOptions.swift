internal import CLinux
internal import Glibc

/// Options of stream sockets, as setsockopt(2) takes them.
enum SocketOptions {
  /// What the kernel takes beyond what the peer's window has room for. Without it
  /// the kernel would take megabytes for a peer that doesn't read, and a limit on
  /// what is queued for it would bound only the smaller part.
  private static let unsentBytesMax: Int32 = 128 * 1024

  /// What every TCP socket of ours has. Those that a listener accepts inherit it.
  static func setTCPDefaults(on descriptor: Int32) throws(SystemError) {
    try enable(Int32(IPPROTO_TCP), TCP_NODELAY, on: descriptor)
    try set(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, unsentBytesMax, on: descriptor)
  }

  static func enable(
    _ level: Int32, _ option: Int32, on descriptor: Int32
  ) throws(SystemError) {
    try set(level, option, 1, on: descriptor)
  }

  static func set(
    _ level: Int32, _ option: Int32, _ value: Int32, on descriptor: Int32
  ) throws(SystemError) {
    var value = value
    // SAFETY: the kernel reads one Int32.
    let result = unsafe setsockopt(
      descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    guard result == 0 else { throw .last("setsockopt") }
  }

  /// The value of an option that is an integer.
  static func value(
    _ level: Int32, _ option: Int32, of descriptor: Int32
  ) throws(SystemError) -> Int32 {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: the kernel writes at most one Int32.
    let result = unsafe getsockopt(descriptor, level, option, &value, &size)
    guard result == 0 else { throw .last("getsockopt") }
    return value
  }
}
