internal import SystemIO
internal import WebSocketCore

// WebSocket traffic.

extension Worker where Loop: ~Copyable {
  mutating func receiveFrames(
    _ bytes: inout MutableSpan<UInt8>, from position: inout Int, on token: Token
  ) {
    let slot = Int(token.slot)
    connections[slot].reader.limits = options.messageLimits
    while true {
      switch connections[slot].reader.next(in: &bytes, from: &position) {
      case .needsInput:
        return
      case .message(let kind, let payload):
        guard allowsMessage(token) else { return }
        deliver(kind, payload, from: token)
      case .assembledMessage(let kind, let payload):
        guard allowsMessage(token) else { return }
        deliver(kind, payload.span, from: token)
      case .ping(let payload):
        guard allowsControlFrame(token) else { return }
        // Not after our close frame (RFC 6455 §5.5.1).
        if connections[slot].closing.maySend { reply(.pong, payload.span, to: token) }
      case .pong:
        guard allowsControlFrame(token) else { return }
        if connections[slot].deadline == .pong { schedulePing(token) }
      case .close(let code, _):
        connections[slot].end.begins(by: .client, code ?? CloseCode(rawValue: 1005))
        perform(
          connections[slot].closing.peerClosed(code), reason: "", lingers: false, on: token)
        return
      case .violation(let violation):
        let cause: WorkerCounters.Cause =
          switch violation {
          case .messageTooBig: .oversizedMessage
          case .tooManyFragments: .tooManyFragments
          default: .protocolViolation
          }
        fail(token, violation.closeCode, reason: violation.reason, cause)
        return
      }
      if !mayGoOn(token) { return }
    }
  }

  private mutating func allowsMessage(_ token: Token) -> Bool {
    if connections[Int(token.slot)].messageRate.allows(
      options.messagesPerSecondMax, now: loop.now)
    {
      return true
    }
    fail(token, .policyViolation, reason: "too many messages", .tooManyMessages)
    return false
  }

  private mutating func allowsControlFrame(_ token: Token) -> Bool {
    if connections[Int(token.slot)].controlFrameRate.allows(
      options.controlFramesPerSecondMax, now: loop.now)
    {
      return true
    }
    fail(token, .policyViolation, reason: "too many control frames", .tooManyControlFrames)
    return false
  }

  private mutating func deliver(_ kind: MessageKind, _ payload: Span<UInt8>, from token: Token) {
    counters.messages += 1
    connections[Int(token.slot)].messagesReceived &+= 1
    switch connections[Int(token.slot)].endpoint {
    case .echo:
      if connections[Int(token.slot)].closing.maySend {
        connections[Int(token.slot)].messagesSent &+= 1
        reply(kind.opcode, payload, to: token)
      }
    case .channel(let channel, let echoes):
      publish(kind, payload, to: channel, from: token, echoes: echoes)
    case .none:
      break
    }
  }

  private mutating func reply(_ opcode: Opcode, _ payload: Span<UInt8>, to token: Token) {
    beginReply(to: token)
    replies.append(atMost: FrameWriter.headerBytesMax + payload.count) { output in
      FrameWriter.append(opcode, payload: payload, to: &output)
    }
  }
}

// MARK: - The closing handshake

extension Worker where Loop: ~Copyable {
  /// The peer has broken the rules.
  private mutating func fail(
    _ token: Token, _ code: CloseCode, reason: String, _ cause: WorkerCounters.Cause
  ) {
    connections[Int(token.slot)].end.begins(by: .server, code)
    count(cause, reason, on: token)
    perform(
      connections[Int(token.slot)].closing.fail(code), reason: reason, lingers: true, on: token)
  }

  /// Begins to close from our side.
  mutating func close(_ token: Token, _ code: CloseCode, reason: String) {
    let slot = Int(token.slot)
    connections[slot].end.begins(by: .server, code)
    perform(connections[slot].closing.close(code), reason: reason, lingers: true, on: token)
  }

  /// `lingers`: the peer may still be sending when everything is said.
  private mutating func perform(
    _ action: CloseMachine.Action, reason: String, lingers: Bool, on token: Token
  ) {
    switch action {
    case .none:
      break
    case .sendClose(let code):
      sendClose(code, reason, on: token)
      setDeadline(.close, on: token, after: options.closeMilliseconds)
    case .finish:
      flushReplies()
      finish(token, lingers: lingers)
    case .sendCloseAndFinish(let code):
      sendClose(code, reason, on: token)
      finish(token, lingers: lingers)
    }
  }

  private mutating func sendClose(_ code: CloseCode?, _ reason: String, on token: Token) {
    unsubscribe(token)  // no message follows a close frame
    let payload = FrameWriter.closePayload(code, reason: reason)
    reply(.close, payload.span, to: token)
    flushReplies()
  }
}

// MARK: - Keep-alive

extension Worker where Loop: ~Copyable {
  mutating func schedulePing(_ token: Token) {
    if options.pingIntervalMilliseconds == 0 {
      loop.cancelTimer(on: token)
    } else {
      setDeadline(.ping, on: token, after: options.pingIntervalMilliseconds)
    }
  }

  /// A timer is not moved with every message: when it fires, it is set to when
  /// the peer will have been silent long enough.
  mutating func pingIfSilent(_ token: Token) {
    let slot = Int(token.slot)
    let silent = loop.now - connections[slot].lastReceived
    if silent < options.pingIntervalMilliseconds {
      setDeadline(.ping, on: token, after: options.pingIntervalMilliseconds - silent)
      return
    }
    reply(.ping, [UInt8]().span, to: token)
    flushReplies()
    connections[slot].pingSent = loop.now
    awaitPong(token)
  }

  private mutating func awaitPong(_ token: Token) {
    connections[Int(token.slot)].untakenAtPing = loop.untakenBytes(on: token)
    setDeadline(.pong, on: token, after: options.pongMilliseconds)
  }

  /// Any byte that has come since the ping shows that the peer lives. One that
  /// is still busy with what was sent before the ping shows it by taking more.
  mutating func disconnectIfSilent(_ token: Token) {
    let slot = Int(token.slot)
    if connections[slot].lastReceived >= connections[slot].pingSent {
      pingIfSilent(token)
    } else if loop.untakenBytes(on: token) < connections[slot].untakenAtPing {
      awaitPong(token)
    } else {
      count(.pongTimeout, on: token, by: .lost)
      disconnect(token)
    }
  }
}
