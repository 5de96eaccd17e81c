internal import HTTPCore
internal import Logs
internal import SystemIO
internal import WebSocketCore

/// One client's connection. Lies in a ``SlotTable`` at its socket's slot.
struct Connection: ~Copyable {
  var token: Token
  /// What it is as long as it has not become a WebSocket.
  var http: HTTPExchange?
  var speaksTLS: Bool
  /// Between the socket and everything else, from the first byte on that is
  /// received: one who only connects shall cost little.
  var tls: TLSLayer?
  /// A PROXY protocol header that must come before anything else.
  var proxyHeader: ProxyHeaderLayer?
  /// The client's address: the other end of the socket, until a trusted proxy
  /// there has told another; nil on a Unix socket.
  var address: IPAddress?
  /// Whether the connection counts for that address.
  var isCounted = false
  /// The other end of the socket is a trusted proxy.
  let isFromProxy: Bool
  /// No request has come whole yet.
  var isInHandshake = true
  var reader: MessageReader
  var messageRate = RateLimit()
  var controlFrameRate = RateLimit()
  var closing = CloseMachine()
  var endpoint = Endpoint.none
  var end = ConnectionEnd()
  /// When it was accepted, in the loop's milliseconds.
  let acceptedAt: UInt64
  /// Of the upgrade; empty before it.
  var path = ""
  var subprotocol: String?
  /// Nil before the upgrade.
  var webSocketVersion: WebSocketVersion?
  var messagesReceived: UInt64 = 0
  /// In a channel it gets whatever is published, which is counted there: this is then
  /// what else was sent, less what was published before it came and is not for it.
  var messagesSent = 0
  /// Its place among the channel's members; nil when it receives no more.
  var memberIndex: Int?
  /// Input that came before receiving was paused, not yet looked at.
  var held: [UInt8] = []
  /// What of its input is kept, as it was last counted.
  var keptBytes = 0
  /// When bytes last came, in the loop's milliseconds.
  var lastReceived: UInt64
  /// What its timer is for.
  var deadline = Deadline.request
  /// When the unanswered ping was sent.
  var pingSent: UInt64 = 0
  /// What the peer had not taken yet when we last began to wait for its pong.
  var untakenAtPing = 0
  /// Receiving is paused because the peer doesn't take its replies.
  var isPaused = false
  /// The end of the peer's stream lies behind what is held.
  var endsAfterHeld = false
  var stage = Stage.active
  /// It is being told that there are too many.
  var isRefused = false

  init(
    token: Token, peer: IPAddress?, isFromProxy: Bool, speaksTLS: Bool,
    messageLimits: MessageLimits,
    httpLimits: HTTPLimits, now: UInt64
  ) {
    self.token = token
    address = peer
    self.isFromProxy = isFromProxy
    self.speaksTLS = speaksTLS
    http = HTTPExchange(limits: httpLimits)
    reader = MessageReader(role: .server, limits: messageLimits)
    lastReceived = now
    acceptedAt = now
  }

  var isWebSocket: Bool { webSocketVersion != nil }

  /// How far it has come towards its end.
  enum Stage: UInt8 {
    case active
    /// Everything is said, by both sides: closed once what is queued has left.
    case flushing
    /// Everything is said by us: input is read to be dropped, until the peer's FIN.
    case lingering
  }

  enum Endpoint {
    case none
    case echo
    /// `echoes`: what it publishes comes back to it too.
    case channel(Channel, echoes: Bool)
  }

  enum Deadline: UInt8 {
    /// A request must have come whole.
    case request
    /// The next request must have begun.
    case keepAlive
    /// Time to see whether the peer is still there.
    case ping
    case pong
    /// The peer's close frame or FIN.
    case close
  }
}

final class ProxyHeaderLayer {
  var parser = ProxyHeaderParser()
}

/// The HTTP side of a connection, given up when it becomes a WebSocket.
final class HTTPExchange {
  var parser: RequestHeadParser
  /// The request whose body is being received.
  var head: RequestHead?
  var body: BodyDecoder?

  // Of the last request, for the log.
  var method: HTTPMethod?
  var path: String?
  var status: HTTPStatus?
  /// How many have been answered.
  var requests = 0
  /// The client, as a trusted proxy has told it.
  var client: IPAddress?

  init(limits: HTTPLimits) {
    parser = RequestHeadParser(limits: limits)
  }

  /// A request's head has come. Of its path as much is kept as the log shows.
  func begin(_ head: RequestHead) {
    method = head.method
    path = String(head.path.unicodeScalars.prefix(LogLine.valueBytesMax + 1))
    status = nil
  }

  /// Nothing of a request has come yet.
  var isBetweenRequests: Bool { head == nil && parser.isEmpty }
}
