import TLS

/// A session of ours with everything that it received and is to send.
final class Server {
  var session: TLSSession
  let engine: TLSEngine
  private(set) var received: [UInt8] = []
  private var sent: [UInt8] = []
  /// How many calls the last input needed.
  private(set) var receiveCalls = 0
  private(set) var outcome = TLSReadOutcome.needsInput

  init(_ context: TLSServerContext, engine: TLSEngine = TLSEngine()) {
    self.engine = engine
    session = context.makeSession(engine)
  }

  init(session: consuming TLSSession, engine: TLSEngine) {
    self.engine = engine
    self.session = session
  }

  func start() {
    session.start()
    gather()
  }

  /// Gives it all of `bytes`, with room for `room` bytes of plaintext at a time.
  func receive(_ bytes: [UInt8], room: Int = 65_536) throws(TLSError) {
    defer { gather() }
    var position = 0
    receiveCalls = 0
    repeat {
      receiveCalls += 1
      var plaintext: [UInt8] = []
      var failure: TLSError? = nil
      plaintext.append(addingCapacity: room) { output in
        do throws(TLSError) {
          outcome = try session.read(bytes.span, from: &position, into: &output)
        } catch {
          failure = error
        }
      }
      received += plaintext
      if let failure { throw failure }
    } while outcome == .outputFull
    precondition(position == bytes.count)
  }

  func write(_ bytes: [UInt8]) throws(TLSError) {
    defer { gather() }
    try session.write(bytes.span)
  }

  func shutdown() {
    session.shutdown()
    gather()
  }

  func takeReceived() -> [UInt8] {
    defer { received = [] }
    return received
  }

  func takeOutput() -> [UInt8] {
    defer { sent = [] }
    return sent
  }

  // For expectations, which want copyable values.
  var isHandshakeComplete: Bool { session.isHandshakeComplete }
  var isClosedByPeer: Bool { session.isClosedByPeer }
  var version: String { session.version }
  var cipher: String { session.cipher }
  var applicationProtocol: String? { session.applicationProtocol }
  var serverName: String? { session.serverName }
  var peerCertificateSubject: String? { session.peerCertificateSubject }
  var wasResumed: Bool { session.wasResumed }

  private func gather() {
    // Nothing added to an empty array would write to the storage that all empty
    // arrays share, which ThreadSanitizer takes for a race.
    if engine.outputBytes == 0 { return }
    sent.append(addingCapacity: engine.outputBytes) { engine.moveOutput(into: &$0) }
  }
}

/// How bytes are cut on their way.
enum Feeding: CaseIterable {
  case whole
  case byteByByte
  case random

  func pieces(of bytes: [UInt8]) -> [[UInt8]] {
    switch self {
    case .whole: return [bytes]
    case .byteByByte: return bytes.map { [$0] }
    case .random:
      var rest = bytes[...]
      var pieces: [[UInt8]] = []
      while !rest.isEmpty {
        let count = min(rest.count, Int.random(in: 1...7_000))
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      return pieces
    }
  }
}

/// Carries bytes between the two until neither has more to say.
func exchange(_ client: Client, _ server: Server, _ feeding: Feeding = .whole) throws(TLSError) {
  while true {
    let fromClient = client.takeOutput()
    for piece in feeding.pieces(of: fromClient) where !piece.isEmpty {
      do throws(TLSError) {
        try server.receive(piece)
      } catch {
        client.receive(server.takeOutput())
        throw error
      }
    }
    let fromServer = server.takeOutput()
    for piece in feeding.pieces(of: fromServer) { client.receive(piece) }
    if fromClient.isEmpty && fromServer.isEmpty { return }
  }
}
