internal import HTTPCore
internal import SystemIO
internal import WebSocketCore

// Plain HTTP on the same port, and the upgrade.

extension Worker where Loop: ~Copyable {
  mutating func receiveHTTP(
    _ bytes: Span<UInt8>, from position: inout Int, on token: Token
  ) {
    let slot = Int(token.slot)
    do throws(HTTPError) {
      while position < bytes.count, let http = connections[slot].http,
        connections[slot].stage == .active, mayGoOn(token)
      {
        let rest = bytes.extracting(position..<bytes.count)
        if let head = http.head {
          guard let step = try http.body?.decode(rest) else { return }
          position += step.consumed
          if step.isComplete {
            http.head = nil
            http.body = nil
            respond(to: head, on: token)
          }
        } else {
          if http.isBetweenRequests && connections[slot].deadline == .keepAlive {
            setDeadline(.request, on: token, after: options.handshakeMilliseconds)
            http.parser = RequestHeadParser(limits: options.httpLimits)
          }
          let (consumed, head) = try http.parser.parse(rest)
          position += consumed
          if let head { begin(head, http, on: token) }
        }
      }
    } catch {
      switch error.status {
      case .contentTooLarge, .uriTooLong, .requestHeaderFieldsTooLarge:
        count(.oversizedRequest, error.reason, on: token)
      default:
        count(.protocolViolation, error.reason, on: token)
      }
      reject(error.status, error.reason, on: token)
    }
  }

  private mutating func begin(_ head: RequestHead, _ http: HTTPExchange, on token: Token) {
    handshakeEnded(token)
    http.begin(head)
    let slot = Int(token.slot)
    if connections[slot].isFromProxy && !connections[slot].isCounted {
      http.client = forwarding.client(of: connections[slot].address, head.headers)
    }
    do throws(HandshakeRejection) {
      if let request = try ServerHandshake.evaluate(head) {
        try upgrade(request, on: token)
        return
      }
    } catch {
      switch error.status {
      case .forbidden: count(.originRefused, error.reason, on: token)
      case .tooManyRequests: count(.tooManyOfAddress, error.reason, on: token)
      default: count(.handshakeRefused, error.reason, on: token)
      }
      reject(error.status, error.reason, headers: error.headers, on: token)
      return
    }
    if let refusal = otherProtocol(head) {
      count(.protocolViolation, refusal.reason, on: token)
      reject(refusal.status, refusal.reason, on: token)
      return
    }
    let body = BodyDecoder(framing: head.bodyFraming, limits: options.httpLimits)
    if body.isComplete {
      respond(to: head, on: token)
      return
    }
    http.head = head
    http.body = body
    if head.expectsContinue {
      beginReply(to: token)
      replies.append(ResponseHead(status: .continue).serialized())
    }
  }

  /// After a request for another protocol, a tunnel or HTTP/2, what follows may be
  /// meant in that: it must not be read as further requests.
  private func otherProtocol(_ head: RequestHead) -> HTTPError? {
    if head.method == .connect {
      return HTTPError(status: .notImplemented, reason: "this is not a proxy")
    }
    if head.version == .http11 && head.headers.contains("Upgrade") {
      return HTTPError(status: .badRequest, reason: "the only upgrade is to websocket")
    }
    return nil
  }

  private mutating func respond(to head: RequestHead, on token: Token) {
    let isRead = head.method == .get || head.method == .head
    if head.path == "/" && isRead {
      send(.ok, ChatPage.headers, ChatPage.body, to: head, on: token)
      return
    }
    do throws(HandshakeRejection) {
      if head.path != "/" { _ = try route(head) }
      if !isRead {
        let allowed: HeaderFields = ["Allow": head.path == "/" ? "GET, HEAD" : "GET"]
        throw HandshakeRejection(
          status: .methodNotAllowed, reason: "use GET", headers: allowed)
      }
      throw .upgradeRequired("this is a WebSocket endpoint")
    } catch {
      sendText(error.status, error.reason, error.headers, to: head, on: token)
    }
  }

  private mutating func sendText(
    _ status: HTTPStatus, _ text: String, _ headers: HeaderFields, to head: RequestHead,
    on token: Token
  ) {
    var headers = headers
    headers.append("Content-Type", "text/plain; charset=utf-8")
    send(status, headers, Array("\(text)\n".utf8), to: head, on: token)
  }

  private mutating func send(
    _ status: HTTPStatus, _ headers: HeaderFields, _ body: [UInt8], to head: RequestHead,
    on token: Token
  ) {
    let keepAlive = head.keepAlive && !isDraining
    var headers = headers
    headers.append("Content-Length", "\(body.count)")
    headers.append("Date", currentDate())
    if !keepAlive {
      headers.append("Connection", "close")
    } else if head.version == .http10 {
      headers.append("Connection", "keep-alive")
    }
    beginReply(to: token)
    replies.append(ResponseHead(status: status, headers: headers).serialized())
    if head.method != .head { replies.append(body) }
    answered(status, on: token)
    if keepAlive {
      setDeadline(.keepAlive, on: token, after: options.keepAliveMilliseconds)
    } else {
      flushReplies()
      connections[Int(token.slot)].end.begins(by: .server)
      finish(token, lingers: true)
    }
  }

  private func answered(_ status: HTTPStatus, on token: Token) {
    guard let http = connections[Int(token.slot)].http else { return }
    http.status = status
    http.requests += 1
    if let method = http.method, let path = http.path {
      logRequest(method, path, status, on: token)
    }
  }

  /// Answers and closes: nothing that follows a request that was refused is
  /// looked at.
  mutating func reject(
    _ status: HTTPStatus, _ reason: String, headers: HeaderFields = HeaderFields(),
    on token: Token
  ) {
    var headers = headers
    let body = Array("\(reason)\n".utf8)
    headers.append("Content-Type", "text/plain; charset=utf-8")
    headers.append("Content-Length", "\(body.count)")
    headers.append("Date", currentDate())
    headers.append("Connection", "close")
    beginReply(to: token)
    replies.append(ResponseHead(status: status, headers: headers).serialized())
    replies.append(body)
    answered(status, on: token)
    connections[Int(token.slot)].end.begins(by: .server)
    flushReplies()
    finish(token, lingers: true)
  }

  mutating func requestTimedOut(_ token: Token) {
    connections[Int(token.slot)].end.begins(by: .server)
    if connections[Int(token.slot)].http?.isBetweenRequests == true {
      finish(token, lingers: false)  // nothing was asked, so there is nothing to answer
    } else {
      reject(.requestTimeout, "the request did not come in time", on: token)
    }
  }
}

// MARK: - Upgrading

extension Worker where Loop: ~Copyable {
  private mutating func upgrade(
    _ request: UpgradeRequest, on token: Token
  ) throws(HandshakeRejection) {
    let route = try route(request.head)
    guard options.origins.allows(origin: request.origin, host: request.head.host) else {
      throw HandshakeRejection(status: .forbidden, reason: "this origin is not allowed")
    }
    try countClient(on: token)
    let subprotocol = request.subprotocols.first { options.subprotocols.contains($0) }
    beginReply(to: token)
    replies.append(
      ServerHandshake.accept(
        request, subprotocol: subprotocol, extensions: [], headers: HeaderFields()))
    counters.webSockets += 1
    let slot = Int(token.slot)
    connections[slot].path = request.head.path
    connections[slot].subprotocol = subprotocol
    connections[slot].webSocketVersion = request.version
    // There is no further request that could tell another.
    if let client = connections[slot].http?.client { connections[slot].address = client }
    connections[slot].http = nil
    logRequest(.get, connections[slot].path, .switchingProtocols, on: token)
    switch route {
    case .echo:
      connections[slot].endpoint = .echo
    case .channel(let name, let echoes):
      // The response comes before anything that is published.
      flushReplies()
      joinChannel(name, echoes: echoes, token)
    }
    schedulePing(token)
    if let drain { close(token, .serviceRestart, reason: drain.closeReason) }
  }

  /// Behind a proxy, the limits on addresses are for the one that it tells.
  private mutating func countClient(on token: Token) throws(HandshakeRejection) {
    let slot = Int(token.slot)
    if connections[slot].isCounted || !connections[slot].isFromProxy { return }
    guard let client = connections[slot].http?.client, !forwarding.trusts(client) else { return }
    if !count(token, for: client) {
      throw HandshakeRejection(
        status: .tooManyRequests, reason: "too many connections from this address",
        headers: ["Retry-After": "1"])
    }
    handshakeEnded(token)
  }

  private mutating func handshakeEnded(_ token: Token) {
    let slot = Int(token.slot)
    guard connections[slot].isInHandshake, connections[slot].isCounted,
      let address = connections[slot].address
    else { return }
    connections[slot].isInHandshake = false
    addresses.handshakeEnded(address)
  }

  private enum Route {
    case echo
    case channel(ChannelName, echoes: Bool)
  }

  private func route(_ head: RequestHead) throws(HandshakeRejection) -> Route {
    if head.path == "/echo" { return .echo }
    guard head.path.hasPrefix(ChannelName.pathPrefix) else {
      throw HandshakeRejection(status: .notFound, reason: "there is nothing here")
    }
    let segment = head.path.dropFirst(ChannelName.pathPrefix.count)
    guard !segment.utf8.contains(UInt8(ascii: "/")) else {
      throw HandshakeRejection(status: .notFound, reason: "there is nothing here")
    }
    guard let name = ChannelName(pathSegment: segment) else {
      throw HandshakeRejection(
        status: .badRequest,
        reason: "a channel's name is 1 to 255 bytes of UTF-8 without control characters")
    }
    do throws(HTTPError) {
      switch try QueryParameters(head.query)["echo"] {
      case nil, "0": return .channel(name, echoes: false)
      case "1": return .channel(name, echoes: true)
      default:
        throw HTTPError(status: .badRequest, reason: "echo is 0 or 1")
      }
    } catch {
      throw HandshakeRejection(status: error.status, reason: error.reason)
    }
  }
}
