internal import HTTPCore
internal import SystemIO
internal import TLS
internal import WebSocketCore

// What comes from the loop: connections, bytes, ends, deadlines.

extension Clients {
  mutating func connected(_ token: Token) {
    guard contains(token) else { return }
    let slot = Int(token.slot)
    if let context = connections[slot].target.tls {
      let layer = ClientConnection.TLSLayer(
        context.makeSession(tlsEngine, host: connections[slot].target.host))
      connections[slot].tls = layer
      layer.session.start()
      sendTLSOutput(to: token)
    } else {
      sendRequest(on: token)
    }
  }

  private mutating func sendRequest(on token: Token) {
    let slot = Int(token.slot)
    var request = connections[slot].target.request
    request.key = ClientHandshake.key(from: maskingKeys.next16Bytes())
    // The same request but for its key was checked when the target was made.
    guard let bytes = try? ClientHandshake.request(request) else { return }
    connections[slot].stage = .opening
    connections[slot].opening = ClientConnection.OpeningHandshake(request)
    let chunk = ByteChunk(capacity: bytes.count)
    chunk.append(bytes)
    transmit(chunk, to: token)
  }

  mutating func receive<Handler: ClientHandler & ~Copyable>(
    _ bytes: ReceivedBytes, on token: Token, _ handler: inout Handler
  ) {
    guard contains(token) else { return }
    receives &+= 1
    var bytes = bytes
    var span = bytes.span
    if connections[Int(token.slot)].tls == nil {
      receivePlain(&span, on: token, &handler)
    } else {
      receiveTLS(span.span, on: token, &handler)
    }
    flushFrames()
  }

  private mutating func receivePlain<Handler: ClientHandler & ~Copyable>(
    _ bytes: inout MutableSpan<UInt8>, on token: Token, _ handler: inout Handler
  ) {
    let slot = Int(token.slot)
    var position = 0
    if let opening = connections[slot].opening {
      do throws(OpeningError) {
        guard let (upgrade, head) = try opening.response.read(bytes.span, from: &position) else {
          if opening.response.refusal != nil { awaitRefusalBody(on: token) }
          return
        }
        opened(token, upgrade, head, &handler)
      } catch {
        end(token, .notOpened(error), &handler)
        return
      }
    }
    // The handler may end the connection at any event.
    while contains(token), connections[slot].stage == .open {
      switch connections[slot].reader.next(in: &bytes, from: &position) {
      case .needsInput:
        return
      case .message(let kind, let payload):
        handler.received(kind, payload, on: token, in: &self)
      case .assembledMessage(let kind, let payload):
        handler.received(kind, payload.span, on: token, in: &self)
      case .ping(let payload):
        pong(payload, to: token)
        handler.pinged(payload, on: token, in: &self)
      case .pong(let payload):
        handler.ponged(payload, on: token, in: &self)
      case .close(let code, let reason):
        peerClosed(token, code, String(decoding: reason, as: UTF8.self))
      case .violation(let violation):
        fail(token, violation)
      }
    }
  }

  /// The server has refused, and its words about it are still to come: not for long.
  private mutating func awaitRefusalBody(on token: Token) {
    guard let opening = connections[Int(token.slot)].opening, !opening.awaitsBody else { return }
    opening.awaitsBody = true
    loop.setTimer(on: token, after: min(options.openingMilliseconds, 1000))
  }

  private mutating func opened<Handler: ClientHandler & ~Copyable>(
    _ token: Token, _ upgrade: AcceptedUpgrade, _ head: ResponseHead, _ handler: inout Handler
  ) {
    let slot = Int(token.slot)
    connections[slot].stage = .open
    connections[slot].opening = nil
    loop.cancelTimer(on: token)
    let tls = connections[slot].tls.map { "\($0.session.version), \($0.session.cipher)" }
    handler.opened(token, ClientOpening(upgrade: upgrade, head: head, tls: tls), in: &self)
  }

  mutating func endOfStream<Handler: ClientHandler & ~Copyable>(
    _ token: Token, _ handler: inout Handler
  ) {
    guard contains(token) else { return }
    let slot = Int(token.slot)
    let end: ClientEnd =
      switch connections[slot].stage {
      case .connecting: .endedEarly(.tlsHandshake, nil)
      case .opening: openingEnd(of: slot, nil)
      case .open: .lost(nil)
      case .ending: connections[slot].end ?? .lost(nil)
      }
    self.end(token, end, &handler)
  }

  /// The loop has closed the socket.
  mutating func closed<Handler: ClientHandler & ~Copyable>(
    _ token: Token, _ error: SystemError, _ handler: inout Handler
  ) {
    guard contains(token) else { return }
    let slot = Int(token.slot)
    let end: ClientEnd =
      switch connections[slot].stage {
      case .connecting where connections[slot].tls == nil: .notConnected(error)
      case .connecting: .endedEarly(.tlsHandshake, error)
      case .opening: openingEnd(of: slot, error)
      case .open: .lost(error)
      case .ending: connections[slot].end ?? .lost(error)
      }
    self.end(token, end, &handler)
  }

  /// The transport has ended before the server's answer did.
  private func openingEnd(of slot: Int, _ error: SystemError?) -> ClientEnd {
    guard let opening = connections[slot].opening else { return .endedEarly(.request, error) }
    if let refusal = opening.response.refusal { return .notOpened(refusal) }
    return .endedEarly(opening.response.isEmpty ? .request : .answer, error)
  }

  mutating func deadlinePassed<Handler: ClientHandler & ~Copyable>(
    _ token: Token, _ handler: inout Handler
  ) {
    let slot = Int(token.slot)
    if connections[slot].isClosing {
      let untaken = loop.untakenBytes(on: token)
      if untaken > 0 && untaken < connections[slot].untakenBytes {
        connections[slot].untakenBytes = untaken
        setCloseDeadline(token)
        return
      }
    }
    let end: ClientEnd =
      switch connections[slot].stage {
      case .connecting where connections[slot].tls == nil: .notConnected(.timedOut)
      case .connecting: .openingTimedOut
      case .opening:
        connections[slot].opening?.response.refusal.map { .notOpened($0) } ?? .openingTimedOut
      case .open: .closingTimedOut
      case .ending: connections[slot].end ?? .closingTimedOut
      }
    self.end(token, end, &handler)
  }
}

// MARK: - TLS

extension Clients {
  private mutating func receiveTLS<Handler: ClientHandler & ~Copyable>(
    _ received: Span<UInt8>, on token: Token, _ handler: inout Handler
  ) {
    let slot = Int(token.slot)
    guard let layer = connections[slot].tls else { return }
    var position = 0
    var outcome = TLSReadOutcome.needsInput
    var failure: TLSError? = nil
    plaintext.append(
      atMost: TLSSession.plaintextBytesMax(ciphertextBytes: received.count)
    ) { output in
      do throws(TLSError) {
        outcome = try layer.session.read(received, from: &position, into: &output)
      } catch {
        failure = error
      }
    }
    sendTLSOutput(to: token)
    if failure == nil && connections[slot].stage == .connecting
      && layer.session.isHandshakeComplete
    {
      sendRequest(on: token)
    }
    if plaintext.count > 0 {
      let plaintext = self.plaintext
      var span = plaintext.mutableSpan
      receivePlain(&span, on: token, &handler)
      plaintext.removeAll()
    }
    guard contains(token) else { return }
    if let failure {
      let end =
        connections[slot].end
        ?? (connections[slot].stage == .open ? .tlsBroken(failure) : .tls(failure))
      self.end(token, end, &handler)
    } else if outcome == .closed {
      endOfStream(token, &handler)
    }
  }

  private mutating func sendTLSOutput(to token: Token) {
    let count = tlsEngine.outputBytes
    if count == 0 { return }
    recycle(&ciphertext)
    ciphertext.append(atMost: count) { output in tlsEngine.moveOutput(into: &output) }
    loop.send(ciphertext, 0..<ciphertext.count, on: token)
  }

  /// Everything that is sent goes through here.
  mutating func transmit(_ chunk: ByteChunk, to token: Token) {
    guard let layer = connections[Int(token.slot)].tls else {
      loop.send(chunk, 0..<chunk.count, on: token)
      return
    }
    // A session that is over has told so with its last read, or will with its next.
    try? layer.session.write(chunk.span)
    sendTLSOutput(to: token)
  }

  /// Closes the TLS session, if there is one, and the write side of the socket.
  mutating func shutdownWrite(_ token: Token) {
    flushFrames()
    if let layer = connections[Int(token.slot)].tls {
      layer.session.shutdown()
      sendTLSOutput(to: token)
    }
    loop.shutdownWrite(on: token)
  }
}

/// Empties a chunk for new content: another one where the loop holds on to it.
func recycle(_ chunk: inout ByteChunk) {
  if isKnownUniquelyReferenced(&chunk) {
    chunk.removeAll()
  } else {
    chunk = ByteChunk(capacity: framesBytes)
  }
}
