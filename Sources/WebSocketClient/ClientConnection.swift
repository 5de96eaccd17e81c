package import HTTPCore
internal import SystemIO
package import TLS
package import WebSocketCore

/// The usual size of what is gathered for one send.
let framesBytes = 64 * 1024

/// What may be queued of pongs for a peer that doesn't read.
let pongBytesMax = 16 * 1024

/// Limits and deadlines of all connections.
package struct ClientOptions: Sendable {
  /// What is taken of a message.
  package var messageLimits = MessageLimits(messageBytesMax: 64 << 20, fragmentsMax: 1 << 20)
  /// For the connection, TLS and the opening handshake together.
  package var openingMilliseconds: UInt64 = 10_000
  /// For the peer's close frame, and then for its FIN; anew as long as the peer takes some
  /// of what was sent before.
  package var closingMilliseconds: UInt64 = 5_000

  package init() {}
}

/// Whom to speak to, and how to ask: shared by all connections that ask for the same.
package final class ClientTarget {
  /// The key in it is replaced for each connection.
  package let request: ClientUpgradeRequest
  /// Nil without TLS.
  let tls: TLSClientContext?
  /// The name that the server's certificate must have.
  let host: String

  /// `tls` when the URL wants it.
  ///
  /// Throws what ``ClientHandshake/request(_:)`` would.
  package init(
    _ url: WebSocketURL, request: ClientUpgradeRequest, tls: TLSClientContext?
  ) throws(ClientHandshakeError) {
    precondition(url.usesTLS == (tls != nil))
    _ = try ClientHandshake.request(request)
    self.request = request
    self.tls = tls
    host = if case .host(let name, _) = url.endpoint { name } else { "localhost" }
  }
}

@available(*, unavailable)
extension ClientTarget: Sendable {}

/// How a connection was opened.
package struct ClientOpening {
  package let upgrade: AcceptedUpgrade
  /// The server's answer.
  package let head: ResponseHead
  /// Such as `TLSv1.3, TLS_AES_128_GCM_SHA256`; nil without TLS.
  package let tls: String?
}

/// One connection. Lies in a ``SlotTable`` at its socket's slot.
struct ClientConnection: ~Copyable {
  let token: Token
  let target: ClientTarget
  var stage = Stage.connecting
  /// While the server's answer is awaited.
  var opening: OpeningHandshake?
  var tls: TLSLayer?
  var reader: MessageReader
  var closing = CloseMachine()
  /// Queued since the queue was last found empty.
  var pongBytes = 0
  /// The answer to the last ping, put off until the queue is empty.
  var owedPong: [UInt8]?
  /// Nothing is received.
  var isPaused = false
  /// What the peer had not taken of our output at the last deadline.
  var untakenBytes = Int.max
  /// What it will have come to when the transport has ended.
  var end: ClientEnd?

  init(_ token: Token, _ target: ClientTarget, _ limits: MessageLimits) {
    self.token = token
    self.target = target
    reader = MessageReader(role: .client, limits: limits)
  }

  /// A close frame was sent, or has come.
  var isClosing: Bool { stage > .opening && !closing.maySend }

  enum Stage: UInt8, Comparable {
    /// There is no connection yet, or no TLS.
    case connecting
    /// The request is sent.
    case opening
    /// Frames flow.
    case open
    /// Everything is said: input is dropped until the peer's FIN.
    case ending

    static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
  }

  final class OpeningHandshake {
    var response: OpeningResponseReader
    /// The server has refused, and the deadline is that of its words about it.
    var awaitsBody = false

    init(_ request: ClientUpgradeRequest) {
      response = OpeningResponseReader(request)
    }
  }

  final class TLSLayer {
    var session: TLSSession

    init(_ session: consuming TLSSession) {
      self.session = session
    }
  }
}
