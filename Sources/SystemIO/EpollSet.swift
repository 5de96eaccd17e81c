internal import CLinux
internal import Glibc

/// What an event of ``EpollLoop`` belongs to, as it is stored with a registration. Sockets
/// have generations from 1 on; generation 0 is the loop's own.
enum EpollSource {
  case wake
  case signals
  case listener(Int)
  case socket(Token)

  init(_ data: UInt64) {
    let slot = UInt32(truncatingIfNeeded: data)
    let generation = UInt32(truncatingIfNeeded: data >> 32)
    self =
      switch (generation, slot) {
      case (0, 0): .wake
      case (0, 1): .signals
      case (0, _): .listener(Int(slot) - 2)
      default: .socket(Token(slot: slot, generation: generation))
      }
  }

  var data: UInt64 {
    switch self {
    case .wake: 0
    case .signals: 1
    case .listener(let index): UInt64(index + 2)
    case .socket(let token): UInt64(token.generation) << 32 | UInt64(token.slot)
    }
  }
}

/// The descriptors that epoll(7) watches.
struct EpollSet: ~Copyable {
  let descriptor: FileDescriptor

  init() throws(SystemError) {
    let raw = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard raw >= 0 else { throw .last("epoll_create1") }
    descriptor = FileDescriptor(owning: raw)
  }

  func add(
    _ descriptor: Int32, _ mask: UInt32, _ source: EpollSource
  ) throws(SystemError) {
    // SAFETY: the kernel reads one event, of whose union u64 is set.
    var event = unsafe epoll_event()
    unsafe event.events = mask
    unsafe event.data.u64 = source.data
    guard unsafe epoll_ctl(self.descriptor.rawValue, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
      throw .last("epoll_ctl")
    }
  }

  /// For descriptors that stay open, here or in another process: closing the last one of a
  /// file does it too.
  func remove(_ descriptor: Int32) {
    // Fails only when it is not there.
    _ = epoll_ctl(self.descriptor.rawValue, EPOLL_CTL_DEL, descriptor, nil)
  }
}
