internal import HTTPCore

/// The beginning of what a server says in words when it refuses (RFC 9110 §15.5), made into
/// one short line. Bounded; anything but plain text and JSON is not for people to read.
struct RefusalText {
  /// Nothing more is needed, or to come.
  private(set) var isComplete: Bool
  private var bytes: [UInt8] = []
  private var framing: Framing

  private static let bytesMax = 512
  private static let charactersMax = 200

  private enum Framing {
    case length(Int)
    case chunked(BodyDecoder)
    /// Up to the end of the connection (RFC 9112 §6.3).
    case untilEnd
  }

  /// Nil when there is nothing to read.
  init?(_ head: ResponseHead) {
    guard head.status != .switchingProtocols, Self.isReadable(head.headers["Content-Type"]) else {
      return nil
    }
    if head.headers.containsToken("Transfer-Encoding", "chunked") {
      framing = .chunked(BodyDecoder(framing: .chunked, limits: HTTPLimits()))
    } else if let length = head.headers["Content-Length"] {
      guard let length = Int(length), length > 0 else { return nil }
      framing = .length(length)
    } else {
      framing = .untilEnd
    }
    isComplete = false
  }

  private static func isReadable(_ contentType: String?) -> Bool {
    guard let type = contentType?.split(separator: ";").first?.lowercased() else { return false }
    let name = type.split(separator: " ").first ?? ""
    return ["text/plain", "application/json", "application/problem+json"].contains(name)
  }

  mutating func add(_ input: Span<UInt8>) {
    switch framing {
    case .untilEnd:
      append(input)
    case .length(let left):
      let count = min(left, input.count)
      append(input.extracting(first: count))
      framing = .length(left - count)
      if left == count { isComplete = true }
    case .chunked(var decoder):
      addChunks(input, &decoder)
      framing = .chunked(decoder)
    }
  }

  private mutating func addChunks(_ input: Span<UInt8>, _ decoder: inout BodyDecoder) {
    var offset = 0
    while offset < input.count && !isComplete {
      let rest = input.extracting(offset..<input.count)
      // Of a malformed body, what came before is good enough.
      guard let step = try? decoder.decode(rest) else {
        isComplete = true
        return
      }
      append(rest.extracting(step.content))
      offset += step.consumed
      if step.isComplete { isComplete = true }
    }
  }

  private mutating func append(_ input: Span<UInt8>) {
    let count = min(input.count, Self.bytesMax - bytes.count)
    bytes.append(copying: input.extracting(first: count))
    if bytes.count == Self.bytesMax { isComplete = true }
  }

  /// What has come, with single spaces for all whitespace.
  var line: String {
    let text = String(decoding: bytes, as: UTF8.self)
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count <= Self.charactersMax ? line : line.prefix(Self.charactersMax) + "…"
  }
}
