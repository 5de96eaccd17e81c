package import SystemIO
package import WebSocketCore

// What goes to the peers: messages, control frames, the closing handshake.

extension Clients {
  /// Sends a message, with what else is sent to this connection before the loop is
  /// asked for the next completion. Text must be valid UTF-8.
  ///
  /// Returns false when it can't be sent, because the connection is not open or is
  /// being closed. What is queued is the caller's to bound: ``queuedBytes(on:)``.
  @discardableResult
  package mutating func send(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token
  ) -> Bool {
    guard maySend(on: token) else { return false }
    append(kind.opcode, payload, to: token)
    return true
  }

  /// Sends a message of `count` bytes that `fill` appends.
  @discardableResult
  package mutating func send(
    _ kind: MessageKind, count: Int, on token: Token,
    fill: (inout OutputSpan<UInt8>) -> Void
  ) -> Bool {
    guard maySend(on: token) else { return false }
    beginFrame(to: token)
    let key = maskingKeys.next()
    frames.append(atMost: FrameWriter.headerBytesMax + count) { output in
      FrameWriter.append(kind.opcode, count: count, maskingKey: key, to: &output, fill: fill)
    }
    endFrame()
    return true
  }

  /// Sends a ping with at most 125 bytes.
  @discardableResult
  package mutating func ping(_ payload: Span<UInt8>, on token: Token) -> Bool {
    guard maySend(on: token) else { return false }
    append(.ping, payload, to: token)
    return true
  }

  /// Begins the closing handshake. What the peer sends before its own close frame is
  /// still received. A second call does nothing; a connection that isn't open yet is
  /// abandoned.
  package mutating func close(_ token: Token, _ code: CloseCode?, reason: String = "") {
    guard contains(token) else { return }
    let slot = Int(token.slot)
    switch connections[slot].stage {
    case .connecting, .opening: abandon(token)
    case .open: perform(connections[slot].closing.close(code), reason: reason, on: token)
    case .ending: break
    }
  }

  /// What is sent is gathered to so many bytes at most, before it is given to the kernel.
  package static var gatheredBytesMax: Int { framesBytes }

  /// Bytes that the kernel has not taken yet.
  package func queuedBytes(on token: Token) -> Int {
    loop.queuedBytes(on: token) + (framesAre(of: token) ? frames.count : 0)
  }

  private func maySend(on token: Token) -> Bool {
    let slot = Int(token.slot)
    return contains(token) && connections[slot].stage == .open
      && connections[slot].closing.maySend
  }

  /// Answers a ping. Of a peer that pings and does not read, only the last one of many
  /// is answered (RFC 6455 §5.5.3), when it reads again.
  mutating func pong(_ payload: [UInt8], to token: Token) {
    let slot = Int(token.slot)
    guard connections[slot].closing.maySend else { return }
    if loop.queuedBytes(on: token) == 0 { connections[slot].pongBytes = 0 }
    if connections[slot].pongBytes > pongBytesMax {
      connections[slot].owedPong = payload
      return
    }
    connections[slot].pongBytes += payload.count + FrameWriter.headerBytesMax
    append(.pong, payload.span, to: token)
  }

  mutating func drained<Handler: ClientHandler & ~Copyable>(
    _ token: Token, _ handler: inout Handler
  ) {
    guard contains(token), connections[Int(token.slot)].stage == .open else { return }
    if let payload = connections[Int(token.slot)].owedPong.take() { pong(payload, to: token) }
    handler.drained(token, in: &self)
  }

  mutating func append(_ opcode: Opcode, _ payload: Span<UInt8>, to token: Token) {
    beginFrame(to: token)
    let key = maskingKeys.next()
    frames.append(atMost: FrameWriter.headerBytesMax + payload.count) { output in
      FrameWriter.append(opcode, payload: payload, maskingKey: key, to: &output)
    }
    endFrame()
  }

  private mutating func beginFrame(to token: Token) {
    if !framesAre(of: token) {
      flushFrames()
      framesOwner = token
    }
  }

  private mutating func endFrame() {
    if frames.count > framesBytes { flushFrames() }
  }

  /// Comparing the optional itself would go through generic code.
  func framesAre(of token: Token) -> Bool {
    if let framesOwner { framesOwner == token } else { false }
  }

  /// Sends what has been gathered.
  mutating func flushFrames() {
    guard let owner = framesOwner else { return }
    framesOwner = nil
    transmit(frames, to: owner)
    recycle(&frames)
  }
}

// MARK: - The closing handshake

extension Clients {
  mutating func peerClosed(_ token: Token, _ code: CloseCode?, _ reason: String) {
    let slot = Int(token.slot)
    let isAnswer = connections[slot].closing.state == .closeSent
    connections[slot].end = .closed(code, reason: reason, byPeer: !isAnswer)
    perform(connections[slot].closing.peerClosed(code), reason: "", on: token)
  }

  mutating func fail(_ token: Token, _ violation: ProtocolViolation) {
    let slot = Int(token.slot)
    connections[slot].end = .failed(violation)
    let action = connections[slot].closing.fail(violation.closeCode)
    perform(action, reason: violation.reason, on: token)
    // The server has no close frame to answer with FIN: we are the one who ends it.
    shutdownWrite(token)
  }

  private mutating func perform(
    _ action: CloseMachine.Action, reason: String, on token: Token
  ) {
    switch action {
    case .none:
      return
    case .sendClose(let code):
      sendClose(code, reason, to: token)
    case .finish:
      finish(token)
    case .sendCloseAndFinish(let code):
      sendClose(code, reason, to: token)
      finish(token)
    }
    // A paused connection would not hear of the peer's answer.
    loop.resumeReceiving(on: token)
    setCloseDeadline(token)
  }

  /// Both have sent a close frame. It is the server's to end the connection (RFC 6455
  /// §7.1.1): the port in TIME_WAIT shall be its own.
  private mutating func finish(_ token: Token) {
    connections[Int(token.slot)].stage = .ending
  }

  private mutating func sendClose(_ code: CloseCode?, _ reason: String, to token: Token) {
    append(.close, FrameWriter.closePayload(code, reason: reason).span, to: token)
    flushFrames()
  }
}
