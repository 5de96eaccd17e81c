internal import HTTPCore
internal import Logs
internal import SystemIO
internal import WebSocketCore

// The life of a connection: accepted, received from, paused, closed.

extension Worker where Loop: ~Copyable {
  /// How many are told at the same time that there are too many.
  private static var refusalsMax: Int { 32 }

  mutating func accept(_ token: Token, from peer: IPAddress?, speaksTLS: Bool) {
    counters.connections += 1
    let isFromProxy = forwarding.trusts(peer)
    var connection = Connection(
      token: token, peer: peer, isFromProxy: isFromProxy, speaksTLS: speaksTLS,
      messageLimits: options.messageLimits,
      httpLimits: options.httpLimits, now: loop.now)
    if isFromProxy && options.expectsProxyHeader { connection.proxyHeader = ProxyHeaderLayer() }
    connections.insert(connection, at: Int(token.slot))
    log.write(.trace, "accepted") { $0.add("peer", peer?.description ?? "unix") }
    if connections.count - refusals > options.connectionsMax {
      tell(.tooManyConnections)
      refuse(token, .serviceUnavailable, "too many connections", .tooManyConnections)
    } else if let peer, !isFromProxy, !count(token, for: peer) {
      refuse(
        token, .tooManyRequests, "too many connections from this address", .tooManyOfAddress)
    } else {
      setDeadline(.request, on: token, after: options.handshakeMilliseconds)
    }
  }

  /// Counts the connection for this address; false when that has too many.
  mutating func count(_ token: Token, for address: IPAddress) -> Bool {
    if !addresses.admit(address) { return false }
    connections[Int(token.slot)].address = address
    connections[Int(token.slot)].isCounted = true
    return true
  }

  /// In words, as long as that is cheap: over TLS it would take a handshake, and a
  /// crowd must not use up the descriptors by being told.
  private mutating func refuse(
    _ token: Token, _ status: HTTPStatus, _ reason: String, _ cause: WorkerCounters.Cause
  ) {
    count(cause, reason, on: token)
    if connections[Int(token.slot)].speaksTLS || connections[Int(token.slot)].proxyHeader != nil
      || refusals >= Self.refusalsMax
    {
      disconnect(token)
      return
    }
    refusals += 1
    connections[Int(token.slot)].isRefused = true
    reject(status, reason, headers: ["Retry-After": "1"], on: token)
  }

  // MARK: Input

  /// Bytes from the socket.
  mutating func receive(_ bytes: inout MutableSpan<UInt8>, on token: Token) {
    let slot = Int(token.slot)
    var position = 0
    if let layer = connections[slot].proxyHeader {
      guard receiveProxyHeader(bytes.span, from: &position, layer, on: token) else { return }
    }
    if connections[slot].speaksTLS {
      receiveTLS(bytes.span, from: position, on: token)
    } else {
      receivePlain(&bytes, from: position, on: token)
    }
  }

  /// Whether the header has come whole, and the connection goes on.
  private mutating func receiveProxyHeader(
    _ bytes: Span<UInt8>, from position: inout Int, _ layer: ProxyHeaderLayer, on token: Token
  ) -> Bool {
    if connections[Int(token.slot)].stage != .active { return false }
    do throws(ProxyHeaderError) {
      let (consumed, header) = try layer.parser.parse(bytes)
      position += consumed
      guard let header else { return false }
      connections[Int(token.slot)].proxyHeader = nil
      guard case .internet(let source, _) = header else { return true }
      connections[Int(token.slot)].address = source.address
      if count(token, for: source.address) { return true }
      count(.tooManyOfAddress, on: token)
    } catch {
      // Without an answer: whoever this is does not speak the protocol.
      count(.protocolViolation, "not a PROXY header", on: token)
    }
    disconnect(token)
    return false
  }

  /// Bytes as the peer meant them.
  mutating func receivePlain(
    _ bytes: inout MutableSpan<UInt8>, from start: Int, on token: Token
  ) {
    let slot = Int(token.slot)
    if connections[slot].stage != .active { return }
    var position = start
    if connections[slot].http != nil {
      receiveHTTP(bytes.span, from: &position, on: token)
    }
    // An upgrade may be followed by frames in the same bytes.
    if connections.contains(slot), connections[slot].http == nil,
      connections[slot].stage == .active, position < bytes.count
    {
      receiveFrames(&bytes, from: &position, on: token)
    }
    flushReplies()
    guard connections.contains(slot), connections[slot].stage == .active else { return }
    if loop.queuedBytes(on: token) > options.sendQueueBytesMax { pause(token) }
    if position < bytes.count {
      // Only a paused connection leaves input behind: at most one receive.
      let rest = bytes.span.extracting(position..<bytes.count)
      connections[slot].held = [UInt8](capacity: rest.count) { output in
        for index in rest.indices { output.append(rest[index]) }
      }
    }
  }

  /// Makes sure that what is appended to `replies` next goes to this connection.
  mutating func beginReply(to token: Token) {
    if let repliesOwner, repliesOwner == token { return }
    flushReplies()
    repliesOwner = token
    repliesMax = min(replyBytes, options.sendQueueBytesMax - loop.queuedBytes(on: token))
  }

  /// Sends what has been gathered.
  mutating func flushReplies() {
    guard let owner = repliesOwner else { return }
    repliesOwner = nil
    transmit(replies, 0..<replies.count, to: owner)
    recycle(&replies)
  }

  /// Whether further input of this connection may be handled now. Flushes when
  /// much has gathered, so that what is queued for a peer that doesn't read
  /// stays within the limit and one message.
  mutating func mayGoOn(_ token: Token) -> Bool {
    guard let repliesOwner, repliesOwner == token, replies.count > repliesMax else { return true }
    flushReplies()
    return loop.queuedBytes(on: token) <= options.sendQueueBytesMax
  }

  private mutating func pause(_ token: Token) {
    connections[Int(token.slot)].isPaused = true
    loop.pauseReceiving(on: token)
  }

  /// The queue has been taken: what was held back goes on.
  mutating func resume(_ token: Token) {
    let slot = Int(token.slot)
    if connections[slot].stage == .flushing {
      close(token)
      return
    }
    if !connections[slot].isPaused { return }
    connections[slot].isPaused = false
    var held: [UInt8] = []
    swap(&held, &connections[slot].held)
    if !held.isEmpty {
      var span = held.mutableSpan
      receivePlain(&span, from: 0, on: token)
    }
    guard connections.contains(slot), !connections[slot].isPaused else { return }
    if connections[slot].endsAfterHeld {
      endOfStream(token)
    } else {
      loop.resumeReceiving(on: token)
    }
  }

  /// The peer has said all it will. It may still want what is queued for it, but
  /// nothing more is to be said to it: a WebSocket is not half open, and an HTTP
  /// request is answered as soon as it is read.
  mutating func endOfStream(_ token: Token) {
    let isWebSocket = connections[Int(token.slot)].isWebSocket
    connections[Int(token.slot)].end.begins(by: isWebSocket ? .lost : .client)
    finish(token, lingers: false)
  }
}

// MARK: - Closing

extension Worker where Loop: ~Copyable {
  /// Everything is said: what is queued is flushed, and then the socket closed.
  ///
  /// `lingers`: only after the peer's FIN, because it may still be sending. A
  /// socket that is closed with unread input sends RST, and the peer might lose
  /// what was said last.
  mutating func finish(_ token: Token, lingers: Bool) {
    let slot = Int(token.slot)
    unsubscribe(token)
    shutdownTLS(token)
    if !lingers && loop.queuedBytes(on: token) == 0 {
      close(token)
      return
    }
    if connections[slot].stage == .active {
      connections[slot].endpoint = .none
      connections[slot].held = []
      loop.shutdownWrite(on: token)
      if connections[slot].isPaused {
        connections[slot].isPaused = false
        loop.resumeReceiving(on: token)
      }
      setDeadline(.close, on: token, after: options.closeMilliseconds)
    }
    connections[slot].stage = lingers ? .lingering : .flushing
  }

  /// Closes the socket, from which everything has been sent.
  private mutating func close(_ token: Token) {
    loop.close(token, discardingOutput: false)
    forget(token)
  }

  /// Closes the socket now, whatever is still to be sent.
  mutating func disconnect(_ token: Token) {
    loop.close(token, discardingOutput: true)
    forget(token)
  }

  /// The socket is gone.
  mutating func forget(_ token: Token) {
    let slot = Int(token.slot)
    unsubscribe(token)
    if log.writes(.info) { logEnd(of: token) }
    if connections[slot].isCounted, let address = connections[slot].address {
      addresses.disconnected(address, inHandshake: connections[slot].isInHandshake)
    }
    if connections[slot].isRefused { refusals -= 1 }
    if isDraining { drainClosed += 1 }
    keptBytesInAll -= connections[slot].keptBytes
    connections.remove(slot)
  }

  mutating func setDeadline(
    _ deadline: Connection.Deadline, on token: Token, after milliseconds: UInt64
  ) {
    connections[Int(token.slot)].deadline = deadline
    loop.setTimer(on: token, after: milliseconds)
  }

  mutating func deadlinePassed(_ token: Token) {
    switch connections[Int(token.slot)].deadline {
    case .request:
      count(.requestTimeout, on: token)
      requestTimedOut(token)
    case .keepAlive:
      connections[Int(token.slot)].end.begins(by: .server)
      finish(token, lingers: false)
    case .ping:
      pingIfSilent(token)
    case .pong:
      disconnectIfSilent(token)
    case .close:
      count(.closeTimeout, on: token)
      disconnect(token)
    }
  }
}

// MARK: - Memory

extension Worker where Loop: ~Copyable {
  /// Input that is kept: of a message that has come in part, or from before a pause.
  mutating func countKeptBytes(of token: Token) {
    let slot = Int(token.slot)
    guard connections.contains(slot) else { return }
    let kept = connections[slot].reader.bufferedBytes + connections[slot].held.count
    if kept == connections[slot].keptBytes { return }
    keptBytesInAll += kept - connections[slot].keptBytes
    connections[slot].keptBytes = kept
  }

  /// Over the budget, those that hold most are disconnected, without a close
  /// frame: it would stand behind the queue that is to go.
  mutating func enforceMemoryBudget() {
    if loop.queuedBytesInAll + keptBytesInAll <= options.memoryBytesMax { return }
    tell(.memoryBudgetSpent)
    let holders = connections.slots()
      .map { slot in
        let connection = connections[slot].token
        return (connection, loop.queuedBytes(on: connection) + connections[slot].keptBytes)
      }
      .sorted { $0.1 > $1.1 }
    // Somewhat more than needed, so that the walk over all is not repeated at once.
    let target = options.memoryBytesMax / 10 * 9
    for (token, bytes) in holders {
      if bytes == 0 || loop.queuedBytesInAll + keptBytesInAll <= target { return }
      count(.evicted, on: token)
      disconnect(token)
    }
  }
}

/// Makes a chunk ready for new content: the same one, unless the loop still sends
/// from it or a large message has blown it up.
func recycle(_ chunk: inout ByteChunk) {
  if isKnownUniquelyReferenced(&chunk) && chunk.capacity <= 4 * replyBytes {
    chunk.removeAll()
  } else {
    chunk = ByteChunk(capacity: replyBytes)
  }
}
