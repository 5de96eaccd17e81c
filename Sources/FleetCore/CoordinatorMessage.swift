/// What the coordinator tells a worker. One packet each, in order; a worker that gets one
/// that it doesn't understand says so (``WorkerMessage/failed(_:)``) and goes on.
package enum CoordinatorMessage: Hashable, Sendable {
  /// The first message: the configuration as TOML, and the keys that session tickets are
  /// sealed with, the first to seal. Answered by `ready` or `failed`.
  case configure(body: [UInt8], ticketKeys: [[UInt8]])
  /// Accept: on the own slot's inherited listeners, and on those that belong to no slot
  /// (Unix sockets).
  case start
  /// Attend the slot's listeners too. They come along as descriptors; if the slot is the
  /// worker's own, so do those that belong to no slot. They replace what it has of the same.
  case adopt(SlotID)
  /// Attend the slot's listeners no longer, at once, and close these descriptors: another
  /// worker has them.
  case release(SlotID)
  /// Accept what is queued at the slot's listeners, attend them no longer, close these
  /// descriptors, and answer `queueEmpty`: exactly once for every such message.
  case stopAccepting(SlotID)
  /// Close each connection at a random moment within the window, force what is left at the
  /// deadline, then send `drained` and exit with status 0. Listeners that belong to no slot
  /// are attended until their queue is empty. Both times count from this message; a second
  /// one replaces the first's times.
  case drain(WorkerDrain)
  /// Close no more connections. `adopt` follows.
  case cancelDrain
  /// Attend no listener any longer, close every connection now; then as after a drain.
  case closeAll
  /// What can change at run time, as TOML. Answered by `reloaded`.
  case reload(body: [UInt8])
  /// New keys for session tickets, the first to seal.
  case ticketKeys([[UInt8]])
  /// List so many connections whose number is greater. Answered by `connections` with the
  /// same request number.
  case listConnections(request: UInt64, limit: UInt64, after: UInt64)
  /// Close connections with this code. Answered by `disconnected` with the same number.
  case disconnect(request: UInt64, ConnectionSelector, code: UInt16)
}

/// A worker's part of a drain, in milliseconds from now.
package struct WorkerDrain: Hashable, Sendable {
  package var windowMilliseconds: UInt64
  /// Earlier than the coordinator's own deadline, at which it kills the worker.
  package var deadlineMilliseconds: UInt64
  /// When clients shall come back.
  package var retryHintMilliseconds: ClosedRange<UInt64>

  package init(
    windowMilliseconds: UInt64, deadlineMilliseconds: UInt64,
    retryHintMilliseconds: ClosedRange<UInt64>
  ) {
    self.windowMilliseconds = windowMilliseconds
    self.deadlineMilliseconds = deadlineMilliseconds
    self.retryHintMilliseconds = retryHintMilliseconds
  }
}

/// Which connections are meant.
package enum ConnectionSelector: Hashable, Sendable {
  case connection(UInt64)
  /// All of a client's address.
  case address(String)
  /// All in a channel.
  case channel(String)
}

extension CoordinatorMessage {
  /// One packet of at most 128 KiB.
  ///
  /// - Throws: ``ControlMessageError/tooLong(_:)``.
  package func encoded() throws(ControlMessageError) -> [UInt8] {
    try packet.encoded()
  }

  private var packet: ControlPacket {
    var packet = ControlPacket(verb: verb.rawValue)
    switch self {
    case .configure(let body, let keys):
      packet.set(ticketKeys: keys)
      packet.body = body
    case .start, .cancelDrain, .closeAll:
      break
    case .adopt(let slot), .release(let slot), .stopAccepting(let slot):
      packet.set("slot", UInt64(slot.index))
    case .drain(let drain):
      packet.set("window_ms", drain.windowMilliseconds)
      packet.set("deadline_ms", drain.deadlineMilliseconds)
      packet.set("retry_min_ms", drain.retryHintMilliseconds.lowerBound)
      packet.set("retry_max_ms", drain.retryHintMilliseconds.upperBound)
    case .reload(let body):
      packet.body = body
    case .ticketKeys(let keys):
      packet.set(ticketKeys: keys)
    case .listConnections(let request, let limit, let after):
      packet.set("request", request)
      packet.set("limit", limit)
      packet.set("after", after)
    case .disconnect(let request, let selector, let code):
      packet.set("request", request)
      switch selector {
      case .connection(let number): packet.set("connection", number)
      case .address(let address): packet.set("address", address)
      case .channel(let channel): packet.set("channel", channel)
      }
      packet.set("code", UInt64(code))
    }
    return packet
  }

  /// Reads a packet.
  ///
  /// - Throws: ``ControlMessageError``. Unknown keys are ignored.
  package init(decoding bytes: Span<UInt8>) throws(ControlMessageError) {
    let packet = try ControlPacket(decoding: bytes)
    guard let verb = Verb(rawValue: packet.verb) else { throw .unknownVerb(packet.verb) }
    switch verb {
    case .configure:
      self = .configure(body: packet.body, ticketKeys: try packet.ticketKeys())
    case .start: self = .start
    case .adopt: self = .adopt(try packet.slot())
    case .release: self = .release(try packet.slot())
    case .stopAccepting: self = .stopAccepting(try packet.slot())
    case .drain:
      let first = try packet.number("retry_min_ms")
      let last = try packet.number("retry_max_ms")
      guard first <= last else { throw .invalidValue(key: "retry_max_ms") }
      self = .drain(
        WorkerDrain(
          windowMilliseconds: try packet.number("window_ms"),
          deadlineMilliseconds: try packet.number("deadline_ms"),
          retryHintMilliseconds: first...last))
    case .cancelDrain: self = .cancelDrain
    case .closeAll: self = .closeAll
    case .reload: self = .reload(body: packet.body)
    case .ticketKeys: self = .ticketKeys(try packet.ticketKeys())
    case .listConnections:
      self = .listConnections(
        request: try packet.number("request"), limit: try packet.number("limit"),
        after: try packet.number("after"))
    case .disconnect:
      guard let code = UInt16(exactly: try packet.number("code")) else {
        throw .invalidValue(key: "code")
      }
      self = .disconnect(
        request: try packet.number("request"), try packet.connectionSelector(), code: code)
    }
  }

  private enum Verb: String {
    case configure, start, adopt, release, drain, reload, disconnect
    case stopAccepting = "stop-accepting"
    case cancelDrain = "cancel-drain"
    case closeAll = "close-all"
    case ticketKeys = "ticket-keys"
    case listConnections = "list-connections"
  }

  private var verb: Verb {
    switch self {
    case .configure: .configure
    case .start: .start
    case .adopt: .adopt
    case .release: .release
    case .stopAccepting: .stopAccepting
    case .drain: .drain
    case .cancelDrain: .cancelDrain
    case .closeAll: .closeAll
    case .reload: .reload
    case .ticketKeys: .ticketKeys
    case .listConnections: .listConnections
    case .disconnect: .disconnect
    }
  }
}

extension ControlPacket {
  fileprivate mutating func set(ticketKeys keys: [[UInt8]]) {
    for (index, key) in keys.enumerated() { set("ticket_key.\(index)", key) }
  }

  /// From number 0 on, until one is missing. More than a handful is nobody's rotation.
  fileprivate func ticketKeys() throws(ControlMessageError) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    while keys.count < 16, has("ticket_key.\(keys.count)") {
      keys.append(try bytes("ticket_key.\(keys.count)"))
    }
    return keys
  }

  fileprivate func connectionSelector() throws(ControlMessageError) -> ConnectionSelector {
    if has("connection") { return .connection(try number("connection")) }
    if has("address") { return .address(try text("address")) }
    return .channel(try text("channel"))
  }
}
