import Glibc
import HTTPCore
import WebSocketCore

@testable import SystemIO

/// A server that does nothing by itself: the test says what it sends, byte for byte, and
/// when it ends. Nothing blocks; ``pump()`` moves what can be moved.
final class PlayedServer {
  let address: SocketAddress
  private let listener: Listener
  /// In the order in which they came.
  private(set) var peers: [Peer] = []
  private var buffer = [UInt8](repeating: 0, count: 256 * 1024)

  init(on address: String = "127.0.0.1:0") throws {
    listener = try Listener(on: SocketAddress(parsing: address))
    self.address = listener.address
  }

  func pump() {
    while true {
      let descriptor = accept(listener.socket.rawValue, nil, nil)
      if descriptor < 0 { break }
      peers.append(Peer(FileDescriptor(owning: descriptor)))
    }
    for peer in peers {
      peer.flush()
      peer.receive(through: &buffer)
    }
  }
}

/// The server's end of a connection.
final class Peer {
  enum End: Equatable {
    case fin
    case error(Int32)
  }

  private var descriptor: FileDescriptor?
  private var outgoing: [UInt8] = []
  private var sentCount = 0
  /// What came, less what was taken.
  private(set) var received: [UInt8] = []
  /// How the client's side has ended.
  private(set) var end: End?
  /// Without it, the kernel's buffers fill up.
  var isReading = true

  init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = consume descriptor
  }

  func send(_ bytes: [UInt8]) {
    outgoing += bytes
    flush()
  }

  /// Everything was given to the kernel.
  var hasSentAll: Bool { sentCount == outgoing.count }

  func shutdownWrite() {
    _ = withDescriptor { shutdown($0, Int32(SHUT_WR)) }
  }

  func close() {
    descriptor = nil
  }

  /// Closes with RST.
  func reset() {
    _ = withDescriptor { descriptor in
      var now = linger(l_onoff: 1, l_linger: 0)
      // SAFETY: the kernel reads one linger of the size that is passed.
      return unsafe setsockopt(
        descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }
    descriptor = nil
  }

  func flush() {
    while sentCount < outgoing.count {
      // SAFETY: the rest of the array, which outlives the call.
      let count = withDescriptor { descriptor in
        unsafe outgoing.withUnsafeBytes { bytes in
          unsafe Glibc.send(
            descriptor, bytes.baseAddress! + sentCount, bytes.count - sentCount, sendFlags)
        }
      }
      if count <= 0 { break }
      sentCount += count
    }
  }

  func receive(through buffer: inout [UInt8]) {
    while isReading && end == nil {
      // SAFETY: the size that is passed is the buffer's.
      let count = withDescriptor { descriptor in
        unsafe buffer.withUnsafeMutableBytes { bytes in
          unsafe recv(descriptor, bytes.baseAddress!, bytes.count, Int32(MSG_DONTWAIT))
        }
      }
      if count < 0 {
        if errno != EAGAIN { end = .error(errno) }
        break
      }
      if count == 0 { end = .fin }
      received += buffer[..<count]
    }
  }

  private func withDescriptor<Result: SignedInteger>(_ body: (Int32) -> Result) -> Result {
    guard let raw = descriptor?.rawValue else {
      errno = EAGAIN
      return -1
    }
    return body(raw)
  }

  func take(_ count: Int) -> [UInt8] {
    defer { received.removeFirst(count) }
    return Array(received.prefix(count))
  }
}

// MARK: - WebSocket

extension Peer {
  /// The request, once it has come whole; it is taken.
  func takeRequest() -> (text: String, upgrade: UpgradeRequest)? {
    var parser = RequestHeadParser(limits: HTTPLimits(headBytesMax: 8 << 20))
    let bytes = received
    guard let (consumed, head) = try? parser.parse(bytes.span), let head,
      let upgrade = try? ServerHandshake.evaluate(head)
    else { return nil }
    return (String(decoding: take(consumed), as: UTF8.self), upgrade)
  }

  /// Answers the request if it has come whole.
  func accept(subprotocol: String? = nil, andSend bytes: [UInt8] = []) -> Bool {
    guard let (_, upgrade) = takeRequest() else { return false }
    send(ServerHandshake.accept(upgrade, subprotocol: subprotocol) + bytes)
    return true
  }

  /// The client's frames that have come so far.
  func frames() -> [Frame] { Frame.read(received) }
}

/// What a client has sent.
enum Frame: Equatable {
  case message(MessageKind, [UInt8])
  case ping([UInt8])
  case pong([UInt8])
  case close(UInt16?, String)
  case violation(ProtocolViolation)

  static func text(_ text: String) -> Frame { .message(.text, Array(text.utf8)) }
  static func pong(_ text: String) -> Frame { .pong(Array(text.utf8)) }

  /// Those that are whole; every one must be masked.
  static func read(_ input: [UInt8]) -> [Frame] {
    var reader = MessageReader(
      role: .server, limits: MessageLimits(messageBytesMax: 1 << 30, fragmentsMax: 1))
    var bytes = input
    var span = bytes.mutableSpan
    var position = 0
    var frames: [Frame] = []
    while true {
      switch reader.next(in: &span, from: &position) {
      case .needsInput: return frames
      case .message(let kind, let payload):
        frames.append(.message(kind, Array(payload)))
      case .assembledMessage(let kind, let payload): frames.append(.message(kind, payload))
      case .ping(let payload): frames.append(.ping(payload))
      case .pong(let payload): frames.append(.pong(payload))
      case .close(let code, let reason):
        frames.append(.close(code?.rawValue, String(decoding: reason, as: UTF8.self)))
      case .violation(let violation): frames.append(.violation(violation))
      }
    }
  }
}

/// Frames as a server sends them (RFC 6455 §5.2).
enum Wire {
  static func frame(
    _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true
  ) -> [UInt8] {
    let first = (isFinal ? 0x80 : 0) | opcode
    switch payload.count {
    case ..<126: return [first, UInt8(payload.count)] + payload
    case ..<65_536: return [first, 126] + bigEndian(payload.count, 2) + payload
    default: return [first, 127] + bigEndian(payload.count, 8) + payload
    }
  }

  static func text(_ text: String, isFinal: Bool = true) -> [UInt8] {
    frame(1, Array(text.utf8), isFinal: isFinal)
  }

  static func binary(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    frame(2, payload, isFinal: isFinal)
  }

  static func continuation(_ payload: [UInt8], isFinal: Bool) -> [UInt8] {
    frame(0, payload, isFinal: isFinal)
  }

  static func ping(_ text: String = "") -> [UInt8] { frame(9, Array(text.utf8)) }
  static func pong(_ text: String = "") -> [UInt8] { frame(10, Array(text.utf8)) }

  static func close(_ code: UInt16?, _ reason: String = "") -> [UInt8] {
    frame(8, (code.map { bigEndian(Int($0), 2) } ?? []) + Array(reason.utf8))
  }

  private static func bigEndian(_ number: Int, _ count: Int) -> [UInt8] {
    (1...count).map { UInt8(truncatingIfNeeded: number >> (8 * (count - $0))) }
  }
}

/// `count` bytes that tell where each was.
func pattern(_ count: Int) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count)
  while bytes.count < count { bytes += patternPeriod.prefix(count - bytes.count) }
  return bytes
}

private let patternPeriod = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

extension Array<UInt8> {
  init(_ bytes: Span<UInt8>) {
    // SAFETY: the bytes are copied within the call.
    self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
  }
}
