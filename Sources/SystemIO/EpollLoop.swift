internal import CLinux
internal import Glibc

let sendFlags = sluice_send_flags

/// The event loop on epoll(7), edge-triggered: a socket is registered once, for
/// both directions, and costs no further system call than its recv and send.
///
/// An edge must not be lost, so a socket that has given a full buffer, or whose
/// FIN lies behind the data, goes onto the `ready` list for the next iteration.
@safe package struct EpollLoop: EventLoop, ~Copyable {
  private struct Transport {
    var descriptor: Int32 = -1
    var generation: UInt32 = 1
    var flags: Flags = []
    var queue: SendQueue? = nil
    var bytesReceived: UInt64 = 0
    /// What is in the queue included.
    var bytesHandedOver: UInt64 = 0

    struct Flags: OptionSet {
      let rawValue: UInt16
      static let paused = Flags(rawValue: 1)
      /// An edge came while receiving was paused.
      static let readable = Flags(rawValue: 2)
      static let inReadyList = Flags(rawValue: 4)
      /// FIN is to be sent, or was.
      static let writeShut = Flags(rawValue: 8)
      /// The peer's FIN was reported.
      static let readShut = Flags(rawValue: 16)
      /// Broken; reported as soon as the completion is asked for.
      static let failed = Flags(rawValue: 32)
      /// Not connected yet.
      static let connecting = Flags(rawValue: 64)
      /// Its descriptor is somebody else's, who is told when there is something to read.
      static let watched = Flags(rawValue: 128)
    }
  }

  private static let receiveBytesMax = 256 * 1024
  private static let eventsMax = 1024
  private static let acceptsMax = 64
  /// How long the kernel goes on with the output of a socket that was closed.
  private static let lastOutputMilliseconds: UInt32 = 10_000

  private static let socketEvents =
    EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue

  package private(set) var now: UInt64
  package private(set) var queuedBytesInAll = 0
  package private(set) var bytesReceivedInAll: UInt64 = 0
  package private(set) var bytesHandedOverInAll: UInt64 = 0
  private let epoll: EpollSet
  private let wake: FileDescriptor
  private var signals: SignalDescriptor? = nil
  private var listeners = ListenerTable()

  private let events: UnsafeMutablePointer<epoll_event>
  private var eventCount = 0
  private var eventIndex = 0
  private var acceptsLeft = EpollLoop.acceptsMax
  private var lastAcceptsLeft = EpollLoop.acceptsMax

  private let buffer: UnsafeMutablePointer<UInt8>
  private var transports: [Transport] = []
  private var freeSlots: [UInt32] = []
  private var timers: TimerWheel

  /// Completions that came up while the owner was asking for something else.
  private var notices: [Completion] = []
  private var noticeIndex = 0
  /// Sockets to receive from though no edge will come: in this iteration, in the next.
  private var ready: [Token] = []
  private var readyIndex = 0
  private var readyNext: [Token] = []

  package init() throws(SystemError) {
    let epoll = try EpollSet()
    let wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wakeDescriptor >= 0 else { throw .last("eventfd") }
    let wake = FileDescriptor(owning: wakeDescriptor)
    try epoll.add(wakeDescriptor, EPOLLIN.rawValue, .wake)
    self.epoll = epoll
    self.wake = wake
    now = MonotonicClock.milliseconds()
    timers = TimerWheel(now: now)
    // SAFETY: both are freed in `deinit` and nowhere else.
    unsafe events = .allocate(capacity: Self.eventsMax)
    unsafe buffer = .allocate(capacity: Self.receiveBytesMax)
    unsafe buffer.initialize(repeating: 0, count: Self.receiveBytesMax)
  }

  deinit {
    for transport in transports
    where transport.descriptor >= 0 && !transport.flags.contains(.watched) {
      _ = Glibc.close(transport.descriptor)
    }
    unsafe events.deallocate()
    unsafe buffer.deallocate()
  }
}

// MARK: - Iterations

extension EpollLoop {
  package mutating func wait() {
    beginIteration()
    // SAFETY: `events` has room for `eventsMax`.
    endWait(
      unsafe epoll_wait(
        epoll.descriptor.rawValue, events, Int32(Self.eventsMax), waitMilliseconds()))
  }

  package mutating func wait(atMost nanoseconds: UInt64) {
    beginIteration()
    let own = waitMilliseconds()
    let timeout = own < 0 ? nanoseconds : min(nanoseconds, UInt64(own) * 1_000_000)
    // SAFETY: as above.
    endWait(
      unsafe sluice_epoll_wait(
        epoll.descriptor.rawValue, events, Int32(Self.eventsMax), timeout))
  }

  private mutating func beginIteration() {
    swap(&ready, &readyNext)
    readyNext.removeAll(keepingCapacity: true)
    readyIndex = 0
    lastAcceptsLeft = Self.acceptsMax
  }

  private mutating func endWait(_ count: Int32) {
    // The only error that can come here is EINTR, which is an empty iteration.
    eventCount = max(0, Int(count))
    eventIndex = 0
    now = MonotonicClock.milliseconds()
    listeners.endRest(now: now, in: epoll)
  }

  private func waitMilliseconds() -> Int32 {
    if !ready.isEmpty || noticeIndex < notices.count || listeners.nextStopping != nil {
      return 0
    }
    var delay = timers.delay(from: now)
    if let until = listeners.restUntil {
      delay = min(delay ?? .max, until > now ? until - now : 0)
    }
    guard let delay else { return -1 }
    return Int32(clamping: delay)
  }

  package mutating func next() -> Completion? {
    while true {
      if noticeIndex < notices.count {
        if let completion = takeNotice() { return completion }
      } else if eventIndex < eventCount {
        if let completion = handleEvent() { return completion }
      } else if readyIndex < ready.count {
        let token = ready[readyIndex]
        readyIndex += 1
        if let completion = receiveReady(token) { return completion }
      } else if lastAcceptsLeft > 0, let index = listeners.nextStopping {
        lastAcceptsLeft -= 1
        return acceptLast(on: index)
      } else if let slot = timers.expired(now: now) {
        return .fired(Token(slot: UInt32(slot), generation: transports[slot].generation))
      } else {
        return nil
      }
    }
  }

  private mutating func takeNotice() -> Completion? {
    let notice = notices[noticeIndex]
    noticeIndex += 1
    if noticeIndex == notices.count {
      notices.removeAll(keepingCapacity: true)
      noticeIndex = 0
    }
    switch notice {
    case .sent(let token):
      // Not when more has been queued meanwhile: that will be reported in its turn.
      return isLive(token) && transports[Int(token.slot)].queue == nil ? notice : nil
    case .closed(let token, _):
      if !isLive(token) { return nil }
      release(token)
      return notice
    case .connected(let token):
      return isLive(token) ? notice : nil
    default:
      return notice
    }
  }

  private mutating func handleEvent() -> Completion? {
    let (mask, data) = unsafe (events[eventIndex].events, events[eventIndex].data.u64)
    switch EpollSource(data) {
    case .socket(let token):
      eventIndex += 1
      return isLive(token) ? handleSocket(token, mask) : nil
    case .listener(let index):
      if acceptsLeft > 0, let completion = accept(on: index) {
        acceptsLeft -= 1
        return completion
      }
      acceptsLeft = Self.acceptsMax
      eventIndex += 1
      return nil
    case .wake:
      eventIndex += 1
      var count: UInt64 = 0
      // SAFETY: eight bytes are written.
      _ = unsafe read(wake.rawValue, &count, 8)
      return .woken
    case .signals:
      if let signal = signals?.read() { return .signalled(signal) }
      eventIndex += 1
      return nil
    }
  }
}

// MARK: - Listeners, signals, watches, wake-ups

extension EpollLoop {
  package mutating func listen(on listener: consuming Listener) throws(SystemError) -> Int {
    try listeners.add(listener, to: epoll)
  }

  package mutating func stopListening() {
    // Whoever is in the queue has connected already, and would get RST.
    for index in listeners.openIndices {
      listeners.stop(index, in: epoll)
      while listeners.nextStopping == index { notices.append(acceptLast(on: index)) }
    }
  }

  package mutating func stopListening(on index: Int) {
    listeners.stop(index, in: epoll)
  }

  private mutating func accept(on index: Int) -> Completion? {
    switch listeners.accept(on: index) {
    case .connection(let descriptor, let peer):
      return adopt(descriptor, from: index, peer: peer)
    case .queueEmpty:
      return nil
    case .failed(let error):
      listeners.rest(now: now, in: epoll)
      acceptsLeft = 0
      return .acceptFailed(error, listener: index)
    }
  }

  /// One of the connections that are left, or that none is, and the listener is closed.
  private mutating func acceptLast(on index: Int) -> Completion {
    switch listeners.acceptLast(on: index) {
    case .connection(let descriptor, let peer):
      return adopt(descriptor, from: index, peer: peer)
    case .queueEmpty:
      listeners.close(index)
      return .stoppedListening(listener: index)
    case .failed(let error):
      return .acceptFailed(error, listener: index)
    }
  }

  private mutating func adopt(
    _ descriptor: Int32, from index: Int, peer: UInt128?
  ) -> Completion {
    let token = allocateSlot(descriptor)
    do throws(SystemError) {
      try epoll.add(descriptor, Self.socketEvents, .socket(token))
      return .accepted(token, listener: index, peer: peer)
    } catch {
      release(token)
      return .acceptFailed(error, listener: index)
    }
  }

  package mutating func watch(signals numbers: [Int32]) throws(SystemError) {
    let descriptor = try SignalDescriptor(watching: numbers)
    try epoll.add(descriptor.rawValue, EPOLLIN.rawValue, .signals)
    signals = descriptor
  }

  package mutating func watch(readable descriptor: Int32) throws(SystemError) -> Token {
    let token = allocateSlot(-1)
    let slot = Int(token.slot)
    do throws(SystemError) {
      try epoll.add(descriptor, EPOLLIN.rawValue, .socket(token))
    } catch {
      release(token)
      throw error
    }
    transports[slot].descriptor = descriptor
    transports[slot].flags = [.watched, .readShut, .writeShut]
    return token
  }

  package func makeWaker() throws(SystemError) -> Waker {
    try Waker(duplicating: wake.rawValue)
  }
}

// MARK: - Connecting

extension EpollLoop {
  package mutating func connect(to address: SocketAddress, from local: SocketAddress?) -> Token {
    let descriptor = Glibc.socket(address.family, sluice_stream_socket, 0)
    let failure = descriptor < 0 ? SystemError.last("socket") : nil
    let token = allocateSlot(descriptor)
    transports[Int(token.slot)].flags.insert(.connecting)
    do throws(SystemError) {
      if let failure { throw failure }
      try begin(token, to: address, from: local)
    } catch {
      fail(token, error)
    }
    return token
  }

  private mutating func begin(
    _ token: Token, to address: SocketAddress, from local: SocketAddress?
  ) throws(SystemError) {
    let slot = Int(token.slot)
    let descriptor = transports[slot].descriptor
    if address.family != AF_UNIX { try SocketOptions.setTCPDefaults(on: descriptor) }
    if let local {
      sluice_bind_without_port(descriptor)
      let bound = unsafe local.withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) }
      guard bound == 0 else { throw .last("bind") }
    }
    let result = unsafe address.withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) }
    // A connect that a signal interrupts goes on all the same.
    guard result == 0 || errno == EINPROGRESS || errno == EINTR else { throw .last("connect") }
    if result == 0 {
      transports[slot].flags.remove(.connecting)
      notices.append(.connected(token))
    }
    try epoll.add(descriptor, Self.socketEvents, .socket(token))
  }

  private mutating func connectionAttempted(_ token: Token, _ mask: UInt32) -> Completion? {
    let slot = Int(token.slot)
    if mask & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
      let error = pendingError(of: slot)
      release(token)
      return .closed(token, SystemError("connect", code: error.code))
    }
    if mask & EPOLLOUT.rawValue == 0 { return nil }
    transports[slot].flags.remove(.connecting)
    // The peer may have spoken already, and that edge is this one.
    if mask & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { addReady(token) }
    return .connected(token)
  }
}

// MARK: - Receiving

extension EpollLoop {
  private mutating func handleSocket(_ token: Token, _ mask: UInt32) -> Completion? {
    let slot = Int(token.slot)
    if !transports[slot].flags.isDisjoint(with: [.failed, .connecting, .watched]) {
      return handleOther(token, mask)
    }
    if mask & EPOLLOUT.rawValue != 0 && transports[slot].queue != nil { flush(token) }
    let ended = mask & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
    if mask & EPOLLIN.rawValue == 0 && !ended { return nil }
    if transports[slot].flags.contains(.readShut) || transports[slot].flags.contains(.paused) {
      if mask & EPOLLERR.rawValue != 0 { fail(token, pendingError(of: slot)) }
      transports[slot].flags.insert(.readable)
      return nil
    }
    // With FIN or an error behind the data there is more to be had than this
    // one receive, and no further edge to announce it.
    return receive(token, more: ended)
  }

  private mutating func handleOther(_ token: Token, _ mask: UInt32) -> Completion? {
    let flags = transports[Int(token.slot)].flags
    if flags.contains(.watched) { return .readable(token) }
    return flags.contains(.failed) ? nil : connectionAttempted(token, mask)
  }

  private mutating func receiveReady(_ token: Token) -> Completion? {
    let slot = Int(token.slot)
    if !isLive(token) { return nil }
    transports[slot].flags.remove(.inReadyList)
    if transports[slot].flags.contains(.paused) {
      transports[slot].flags.insert(.readable)
      return nil
    }
    if !transports[slot].flags.isDisjoint(with: [.failed, .readShut]) { return nil }
    return receive(token, more: true)
  }

  /// One recv. `more`: try again in the next iteration even after a short one.
  private mutating func receive(_ token: Token, more: Bool) -> Completion? {
    let slot = Int(token.slot)
    // SAFETY: `buffer` has room for `receiveBytesMax`.
    let count = retryingInterrupts {
      unsafe recv(
        transports[slot].descriptor, buffer, Self.receiveBytesMax, sluice_receive_flags)
    }
    if count > 0 {
      transports[slot].bytesReceived &+= UInt64(count)
      bytesReceivedInAll &+= UInt64(count)
      if more || count == Self.receiveBytesMax { addReady(token) }
      // SAFETY: `count` bytes were written; valid until the next completion.
      return .received(token, unsafe ReceivedBytes(buffer, count: count))
    }
    if count == 0 {
      transports[slot].flags.insert(.readShut)
      return .endOfStream(token)
    }
    if errno == EAGAIN { return nil }
    let error = SystemError.last("recv")
    release(token)
    return .closed(token, error)
  }

  private mutating func addReady(_ token: Token) {
    let slot = Int(token.slot)
    if transports[slot].flags.contains(.inReadyList) { return }
    transports[slot].flags.insert(.inReadyList)
    readyNext.append(token)
  }

  private func pendingError(of slot: Int) -> SystemError {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: the kernel writes one Int32.
    unsafe getsockopt(transports[slot].descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
    return SystemError("socket", code: code == 0 ? ECONNRESET : code)
  }

  package mutating func pauseReceiving(on token: Token) {
    if isLive(token) { transports[Int(token.slot)].flags.insert(.paused) }
  }

  package mutating func resumeReceiving(on token: Token) {
    let slot = Int(token.slot)
    guard isLive(token), transports[slot].flags.contains(.paused) else { return }
    transports[slot].flags.remove(.paused)
    if transports[slot].flags.contains(.readable) {
      transports[slot].flags.remove(.readable)
      addReady(token)
    }
  }
}

// MARK: - Sending

extension EpollLoop {
  package mutating func send(_ chunk: ByteChunk, _ range: Range<Int>, on token: Token) {
    precondition(range.lowerBound >= 0 && range.upperBound <= chunk.count)
    let slot = Int(token.slot)
    guard isLive(token), transports[slot].flags.isDisjoint(with: [.failed, .writeShut]) else {
      return
    }
    transports[slot].bytesHandedOver &+= UInt64(range.count)
    bytesHandedOverInAll &+= UInt64(range.count)
    if let queue = transports[slot].queue {
      queue.append(chunk, range)
      queuedBytesInAll += range.count
      return
    }
    // SAFETY: the range lies within the chunk, as checked above.
    let count = retryingInterrupts {
      unsafe Glibc.send(
        transports[slot].descriptor, chunk.address + range.lowerBound, range.count, sendFlags)
    }
    if count == range.count { return }
    if count < 0 && errno != EAGAIN {
      transports[slot].bytesHandedOver &-= UInt64(range.count)
      fail(token, .last("send"))
      return
    }
    let queue = SendQueue()
    queue.append(chunk, (range.lowerBound + max(0, count))..<range.upperBound)
    queuedBytesInAll += queue.byteCount
    transports[slot].queue = queue
    // An edge comes only after the kernel has said EAGAIN.
    if count > 0 { flush(token) }
  }

  private mutating func flush(_ token: Token) {
    let slot = Int(token.slot)
    guard let queue = transports[slot].queue else { return }
    let before = queue.byteCount
    let progress = queue.flush(to: transports[slot].descriptor)
    queuedBytesInAll -= before - queue.byteCount
    switch progress {
    case .blocked:
      break
    case .emptied:
      transports[slot].queue = nil
      if transports[slot].flags.contains(.writeShut) { sendFIN(slot) }
      notices.append(.sent(token))
    case .failed(let error):
      fail(token, error)
    }
  }

  /// The connection is broken. Its owner may be in the middle of using it, and
  /// hears of it with the next completion.
  private mutating func fail(_ token: Token, _ error: SystemError) {
    let slot = Int(token.slot)
    transports[slot].flags.insert(.failed)
    dropQueue(slot)
    notices.append(.closed(token, error))
  }

  private mutating func dropQueue(_ slot: Int) {
    let count = transports[slot].queue?.byteCount ?? 0
    queuedBytesInAll -= count
    transports[slot].bytesHandedOver &-= UInt64(count)
    transports[slot].queue = nil
  }

  package func queuedBytes(on token: Token) -> Int {
    isLive(token) ? transports[Int(token.slot)].queue?.byteCount ?? 0 : 0
  }

  package func traffic(of token: Token) -> (bytesReceived: UInt64, bytesSent: UInt64) {
    let slot = Int(token.slot)
    guard slot < transports.count else { return (0, 0) }
    let transport = transports[slot]
    let isReleased = transport.generation == token.nextGeneration && transport.descriptor < 0
    guard isReleased || transport.generation == token.generation else { return (0, 0) }
    return (
      transport.bytesReceived,
      transport.bytesHandedOver - UInt64(transport.queue?.byteCount ?? 0)
    )
  }

  package func untakenBytes(on token: Token) -> Int {
    guard isLive(token) else { return 0 }
    let slot = Int(token.slot)
    return queuedBytes(on: token) + Int(sluice_unsent_bytes(transports[slot].descriptor))
  }

  package func peerCredentials(of token: Token) -> PeerCredentials? {
    isLive(token) ? try? PeerCredentials(of: transports[Int(token.slot)].descriptor) : nil
  }

  package mutating func shutdownWrite(on token: Token) {
    let slot = Int(token.slot)
    guard isLive(token), transports[slot].flags.isDisjoint(with: [.failed, .writeShut]) else {
      return
    }
    transports[slot].flags.insert(.writeShut)
    if transports[slot].queue == nil { sendFIN(slot) }
  }

  private func sendFIN(_ slot: Int) {
    // Fails only when the peer is gone already, which recv reports.
    _ = Glibc.shutdown(transports[slot].descriptor, Int32(SHUT_WR))
  }
}

// MARK: - Slots and timers

extension EpollLoop {
  private func isLive(_ token: Token) -> Bool {
    let slot = Int(token.slot)
    return slot < transports.count && transports[slot].generation == token.generation
  }

  private mutating func allocateSlot(_ descriptor: Int32) -> Token {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = Int(free)
    } else {
      slot = transports.count
      transports.append(Transport())
    }
    transports[slot].descriptor = descriptor
    (transports[slot].bytesReceived, transports[slot].bytesHandedOver) = (0, 0)
    return Token(slot: UInt32(slot), generation: transports[slot].generation)
  }

  private mutating func release(_ token: Token) {
    let slot = Int(token.slot)
    timers.cancel(slot)
    dropQueue(slot)
    if transports[slot].flags.contains(.watched) {
      epoll.remove(transports[slot].descriptor)
    } else if transports[slot].descriptor >= 0 {
      // Takes its registration and its pending events with it.
      _ = Glibc.close(transports[slot].descriptor)
    }
    let traffic = (transports[slot].bytesReceived, transports[slot].bytesHandedOver)
    transports[slot] = Transport()
    transports[slot].generation = token.nextGeneration
    (transports[slot].bytesReceived, transports[slot].bytesHandedOver) = traffic
    freeSlots.append(token.slot)
  }

  package mutating func close(_ token: Token, discardingOutput: Bool) {
    guard isLive(token) else { return }
    let descriptor = transports[Int(token.slot)].descriptor
    let isOurs = !transports[Int(token.slot)].flags.contains(.watched)
    if isOurs && sluice_unsent_bytes(descriptor) > 0 {
      if discardingOutput {
        sluice_reset_on_close(descriptor)
      } else {
        sluice_limit_unacknowledged(descriptor, Self.lastOutputMilliseconds)
      }
    }
    release(token)
  }

  package mutating func setTimer(on token: Token, after milliseconds: UInt64) {
    if !isLive(token) { return }
    let (deadline, overflow) = now.addingReportingOverflow(milliseconds)
    timers.set(Int(token.slot), at: overflow ? .max : deadline)
  }

  package mutating func cancelTimer(on token: Token) {
    if isLive(token) { timers.cancel(Int(token.slot)) }
  }

  package mutating func makeTimer() -> Token {
    allocateSlot(-1)
  }
}
