package import HTTPCore
package import SystemIO

/// A request to an ``AdminServer``, come whole.
package struct AdminRequest: Sendable {
  package let method: HTTPMethod
  /// Still percent-encoded; begins with `/`.
  package let path: String
  package let query: QueryParameters
  /// Host and optional port, as the client sees us; nil on HTTP/1.0.
  package let host: String?
  package let body: [UInt8]
  /// The index of the listener that it came on.
  package let listener: Int
}

package struct AdminResponse: Sendable {
  package var status: HTTPStatus
  package var contentType: String
  package var headers = HeaderFields()
  package var body: [UInt8]

  package init(_ status: HTTPStatus, contentType: String, _ body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}

/// A small HTTP/1.1 server for commands, probes and scrapers, on somebody else's event
/// loop: bounded in everything, and never waiting for anyone.
///
/// The owner hands it the completions of its connections, and answers what it returns:
///
///     if let request = server.handle(completion, in: &loop) {
///       server.respond(to: request.token, response, in: &loop)
///     }
package struct AdminServer: ~Copyable {
  /// More are told 503.
  private static let connectionsMax = 64
  private static let requestMilliseconds: UInt64 = 5_000
  private static let limits = HTTPLimits(bodyBytesMax: 64 * 1024)
  /// An answer that is not taken in this time is not wanted.
  private static let answerMilliseconds: UInt64 = 10_000

  private var connections = SlotTable<Connection>()

  package init() {}

  struct Connection: ~Copyable {
    let token: Token
    let listener: Int
    var parser = RequestHeadParser(limits: AdminServer.limits)
    var head: RequestHead?
    var decoder: BodyDecoder?
    var body: [UInt8] = []
    /// Answered for the last time: closed once that has been taken.
    var isEnding = false

    init(_ token: Token, listener: Int) {
      self.token = token
      self.listener = listener
    }
  }

  package func contains(_ token: Token) -> Bool {
    let slot = Int(token.slot)
    return connections.contains(slot) && connections[slot].token == token
  }

  /// Takes over a connection that has come in on this listener.
  package mutating func accept(_ token: Token, listener: Int, in loop: inout EpollLoop) {
    connections.insert(Connection(token, listener: listener), at: Int(token.slot))
    if connections.count > Self.connectionsMax {
      refuse(token, .serviceUnavailable, "too many connections", in: &loop)
    } else {
      loop.setTimer(on: token, after: Self.requestMilliseconds)
    }
  }

  /// Handles a completion of one of its connections. Returns a request that has come
  /// whole: one at a time, as a client that pipelines is none of ours.
  package mutating func handle(
    _ completion: Completion, in loop: inout EpollLoop
  ) -> (token: Token, request: AdminRequest)? {
    switch completion {
    case .received(let token, var bytes):
      guard contains(token), !connections[Int(token.slot)].isEnding else { return nil }
      do throws(HTTPError) {
        let span = bytes.span
        guard let request = try receive(span.span, on: token) else { return nil }
        return (token, request)
      } catch {
        refuse(token, error.status, error.reason, in: &loop)
      }
    case .endOfStream(let token), .fired(let token):
      if contains(token) { close(token, in: &loop) }
    case .sent(let token):
      if contains(token), connections[Int(token.slot)].isEnding { close(token, in: &loop) }
    case .closed(let token, _):
      if contains(token) { connections.remove(Int(token.slot)) }
    default:
      break
    }
    return nil
  }

  private mutating func receive(
    _ bytes: Span<UInt8>, on token: Token
  ) throws(HTTPError) -> AdminRequest? {
    let slot = Int(token.slot)
    var position = 0
    if connections[slot].head == nil {
      let (consumed, head) = try connections[slot].parser.parse(bytes)
      guard let head else { return nil }
      position = consumed
      connections[slot].head = head
      connections[slot].decoder = BodyDecoder(framing: head.bodyFraming, limits: Self.limits)
    }
    while let decoder = connections[slot].decoder, !decoder.isComplete, position < bytes.count {
      var decoder = decoder
      let rest = bytes.extracting(position..<bytes.count)
      let step = try decoder.decode(rest)
      connections[slot].decoder = decoder
      for index in step.content { connections[slot].body.append(rest[index]) }
      position += step.consumed
    }
    guard let head = connections[slot].head, connections[slot].decoder?.isComplete == true else {
      return nil
    }
    return AdminRequest(
      method: head.method, path: head.path, query: try QueryParameters(head.query),
      host: head.host, body: connections[slot].body, listener: connections[slot].listener)
  }

  /// Answers a request. Does nothing when its client has gone.
  package mutating func respond(
    to token: Token, _ response: AdminResponse, in loop: inout EpollLoop
  ) {
    guard contains(token) else { return }
    let slot = Int(token.slot)
    let isHead = connections[slot].head?.method == .head
    let keepAlive = connections[slot].head?.keepAlive == true
    var headers = response.headers
    headers.append("Content-Type", response.contentType)
    headers.append("Content-Length", "\(response.body.count)")
    headers.append("Cache-Control", "no-store")
    headers.append("Connection", keepAlive ? "keep-alive" : "close")
    let chunk = ByteChunk(capacity: 1024)
    chunk.append(ResponseHead(status: response.status, headers: headers).serialized())
    if !isHead { chunk.append(response.body) }
    loop.send(chunk, 0..<chunk.count, on: token)
    if keepAlive {
      connections[slot].parser = RequestHeadParser(limits: Self.limits)
      connections[slot].head = nil
      connections[slot].decoder = nil
      connections[slot].body = []
      // The next request, or none: probes and scrapers keep connections for long.
      loop.setTimer(on: token, after: 12 * Self.requestMilliseconds)
    } else {
      connections[slot].isEnding = true
      finish(token, in: &loop)
    }
  }

  private mutating func refuse(
    _ token: Token, _ status: HTTPStatus, _ reason: String, in loop: inout EpollLoop
  ) {
    connections[Int(token.slot)].head = nil
    respond(
      to: token,
      AdminResponse(status, contentType: "text/plain; charset=utf-8", Array("\(reason)\n".utf8)),
      in: &loop)
  }

  /// Closes once everything is sent, and the peer has seen it.
  private mutating func finish(_ token: Token, in loop: inout EpollLoop) {
    loop.shutdownWrite(on: token)
    loop.setTimer(on: token, after: Self.answerMilliseconds)
  }

  private mutating func close(_ token: Token, in loop: inout EpollLoop) {
    connections.remove(Int(token.slot))
    loop.close(token, discardingOutput: false)
  }
}
