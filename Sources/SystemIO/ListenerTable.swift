internal import CLinux
internal import Glibc

/// The listeners of an ``EpollLoop``, by their indices, which are reused: those that are
/// attended to, and those that are being stopped.
struct ListenerTable: ~Copyable {
  /// How long listeners rest when descriptors or memory have run out.
  private static let restMilliseconds: UInt64 = 100

  /// Listeners own a descriptor, and so cannot lie in an array themselves.
  private final class OpenListener {
    let listener: Listener
    var isStopping = false
    /// What is left in its queue cannot be accepted.
    var isGivenUp = false

    init(_ listener: consuming Listener) { self.listener = listener }

    var rawValue: Int32 { listener.descriptorNumber }
  }

  private var listeners: [OpenListener?] = []
  private var stopping: [Int] = []
  /// When listeners that rest are to be attended to again.
  private(set) var restUntil: UInt64? = nil
  /// Spare, for ``acceptLast(on:)``.
  private var reserve = ListenerTable.makeReserve()

  var openIndices: [Int] { listeners.indices.filter { listeners[$0] != nil } }

  /// The one whose queue is to be emptied next.
  var nextStopping: Int? { stopping.last }

  mutating func add(
    _ listener: consuming Listener, to epoll: borrowing EpollSet
  ) throws(SystemError) -> Int {
    let opened = OpenListener(listener)
    let index = listeners.firstIndex { $0 == nil } ?? listeners.count
    if restUntil == nil { try Self.attend(to: opened, at: index, in: epoll) }
    if index == listeners.count { listeners.append(nil) }
    listeners[index] = opened
    return index
  }

  private static func attend(
    to listener: OpenListener, at index: Int, in epoll: borrowing EpollSet
  ) throws(SystemError) {
    var mask = EPOLLIN.rawValue
    if listener.listener.isShared { mask |= EPOLLEXCLUSIVE.rawValue }
    try epoll.add(listener.rawValue, mask, .listener(index))
  }

  enum AcceptResult {
    case connection(Int32, peer: UInt128?)
    case queueEmpty
    case failed(SystemError)
  }

  /// The next connection of its queue.
  func accept(on index: Int) -> AcceptResult {
    guard index < listeners.count, let listener = listeners[index] else { return .queueEmpty }
    while true {
      var (upper, lower) = (UInt64(0), UInt64(0))
      // SAFETY: two integers are written.
      let descriptor = unsafe sluice_accept(
        listener.rawValue, sluice_accept_flags, &upper, &lower)
      if descriptor >= 0 {
        let peer = UInt128(upper) << 64 | UInt128(lower)
        return .connection(descriptor, peer: peer == 0 ? nil : peer)
      }
      let error = SystemError.last("accept")
      switch error.code {
      case EAGAIN: return .queueEmpty
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .failed(error)
      // The connection broke while it was queued (accept(2), "Error handling").
      default: continue
      }
    }
  }
}

// MARK: - Resting

extension ListenerTable {
  /// Attends to no listener for a while: what they ask for is not to be had.
  mutating func rest(now: UInt64, in epoll: borrowing EpollSet) {
    if restUntil == nil {
      for listener in listeners { if let listener { epoll.remove(listener.rawValue) } }
    }
    restUntil = now + Self.restMilliseconds
  }

  /// Attends to them again, once the while is over.
  mutating func endRest(now: UInt64, in epoll: borrowing EpollSet) {
    guard let until = restUntil, until <= now else { return }
    do throws(SystemError) {
      for (index, listener) in listeners.enumerated() {
        guard let listener, !listener.isStopping else { continue }
        // Some may be there already, from an attempt that failed.
        epoll.remove(listener.rawValue)
        try Self.attend(to: listener, at: index, in: epoll)
      }
      restUntil = nil
    } catch {
      restUntil = now + Self.restMilliseconds
    }
  }
}

// MARK: - Stopping

extension ListenerTable {
  /// Attends to it no longer. What is in its queue is to be had from ``acceptLast(on:)``.
  mutating func stop(_ index: Int, in epoll: borrowing EpollSet) {
    guard listeners.indices.contains(index), let listener = listeners[index],
      !listener.isStopping
    else {
      return
    }
    listener.isStopping = true
    // Others may have it open too, and then closing it would not do this.
    epoll.remove(listener.rawValue)
    stopping.append(index)
  }

  /// The next connection of the queue of a listener that is being stopped. The queue is
  /// also said to be empty when nothing of it can be accepted, once that was told.
  ///
  /// When descriptors have run out, the queue can't wait until there are some: each of its
  /// connections is accepted in place of the reserve, closed, and told as failed. Its client
  /// sees an end then, and not a connection that nobody ever answers.
  mutating func acceptLast(on index: Int) -> AcceptResult {
    guard let listener = listeners[index], !listener.isGivenUp else { return .queueEmpty }
    let result = accept(on: index)
    guard case .failed(let error) = result else { return result }
    if error.code == EMFILE || error.code == ENFILE {
      reserve = nil
      let second = accept(on: index)
      if case .connection(let descriptor, _) = second { _ = Glibc.close(descriptor) }
      reserve = Self.makeReserve()
      switch second {
      case .connection: return result
      case .queueEmpty: return second
      case .failed: break
      }
    }
    listener.isGivenUp = true
    return result
  }

  /// A file that is ours alone, so that giving it up helps against both limits, this process's
  /// and the system's. Nil when there is no room for it; the next one is made later.
  private static func makeReserve() -> FileDescriptor? {
    let raw = eventfd(0, Int32(EFD_CLOEXEC))
    return raw >= 0 ? FileDescriptor(owning: raw) : nil
  }

  /// Closes one that was stopped.
  mutating func close(_ index: Int) {
    stopping.removeAll { $0 == index }
    listeners[index] = nil
    while case .some(.none) = listeners.last { listeners.removeLast() }
    if listeners.isEmpty { restUntil = nil }
  }
}
