import Testing
import WebSocketCore

/// What a reader has told, free of where it lay in memory.
enum Outcome: Equatable {
  case message(MessageKind, [UInt8])
  case ping([UInt8])
  case pong([UInt8])
  case close(CloseCode?, reason: [UInt8])
  case violation(ProtocolViolation)

  static func text(_ text: String) -> Outcome { .message(.text, Array(text.utf8)) }
  static func binary(_ bytes: [UInt8]) -> Outcome { .message(.binary, bytes) }
  static func ping(_ text: String) -> Outcome { .ping(Array(text.utf8)) }
  static func pong(_ text: String) -> Outcome { .pong(Array(text.utf8)) }
  static func close(_ code: UInt16, _ reason: String = "") -> Outcome {
    .close(CloseCode(rawValue: code), reason: Array(reason.utf8))
  }

  /// Nothing may follow it.
  var isLast: Bool {
    switch self {
    case .close, .violation: true
    case .message, .ping, .pong: false
    }
  }
}

extension Outcome: CustomStringConvertible {
  var description: String {
    switch self {
    case .message(let kind, let bytes): "\(kind) \(excerpt(bytes))"
    case .ping(let bytes): "ping \(excerpt(bytes))"
    case .pong(let bytes): "pong \(excerpt(bytes))"
    case .close(let code, let reason): "close \(code?.rawValue ?? 0) \(excerpt(reason))"
    case .violation(let violation): "violation \(violation)"
    }
  }

  private func excerpt(_ bytes: [UInt8]) -> String {
    "(\(bytes.count)) " + bytes.prefix(24).map { String($0, radix: 16) }.joined(separator: " ")
  }
}

/// Feeds an input to a reader in every way it may be cut into pieces, which must make no
/// difference: whole, byte by byte, in two at every point, and in seeded random pieces.
struct ReaderVerifier {
  var role = Role.server
  var limits = MessageLimits()

  /// Above it, only some of the points are tried to cut the input in two.
  private static let everySplitBytesMax = 400

  func verify(
    _ frames: [RawFrame], _ expected: [Outcome],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    verify(wire(frames, to: role), expected, sourceLocation: sourceLocation)
  }

  func verify(
    _ bytes: [UInt8], _ expected: [Outcome],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for cuts in Self.waysToCut(bytes.count) {
      let actual = outcomes(of: bytes, cutAt: cuts)
      if actual != expected {
        Issue.record(
          "as \(role), \(bytes.count) bytes cut at \(cuts.prefix(20)): \(actual), not \(expected)",
          sourceLocation: sourceLocation)
        return
      }
    }
  }

  static func waysToCut(_ count: Int) -> [[Int]] {
    var ways = [[], Array(1..<max(1, count))]
    if count <= everySplitBytesMax {
      for point in 1..<max(1, count) { ways.append([point]) }
    } else {
      for point in Array(1...32) + [count / 2, count - 2, count - 1] { ways.append([point]) }
    }
    var generator = SeededGenerator(state: UInt64(count))
    for _ in 0..<8 { ways.append(randomCuts(count, using: &generator)) }
    return ways
  }

  /// Pieces from 1 byte on, short ones and long ones, some of them empty.
  static func randomCuts(_ count: Int, using generator: inout SeededGenerator) -> [Int] {
    let longests = count <= 4096 ? [3, 16, max(1, count / 3)] : [1000, 5000, count / 3]
    let longest = longests.randomElement(using: &generator)!
    var cuts: [Int] = []
    var point = 0
    while true {
      point += Int.random(in: 0...longest, using: &generator)
      if point >= count { return cuts }
      cuts.append(point)
    }
  }

  func outcomes(of bytes: [UInt8], cutAt cuts: [Int] = []) -> [Outcome] {
    var reader = MessageReader(role: role, limits: limits)
    var outcomes: [Outcome] = []
    var start = 0
    for end in cuts + [bytes.count] {
      outcomes += feed(Array(bytes[start..<end]), to: &reader)
      start = end
    }
    return outcomes
  }

  /// The index of the byte with which the violation came, fed byte by byte; nil without one.
  func violationIndex(in bytes: [UInt8]) -> Int? {
    var reader = MessageReader(role: role, limits: limits)
    for (index, byte) in bytes.enumerated() {
      if case .violation = feed([byte], to: &reader).last { return index }
    }
    return nil
  }
}

/// All that a reader tells about one piece of input. The piece must be consumed.
func feed(_ piece: [UInt8], to reader: inout MessageReader) -> [Outcome] {
  var piece = piece
  let count = piece.count
  var span = piece.mutableSpan
  var position = 0
  var outcomes: [Outcome] = []
  while true {
    switch reader.next(in: &span, from: &position) {
    case .needsInput:
      if position != count { Issue.record("only \(position) of \(count) bytes are consumed") }
      return outcomes
    case .message(let kind, let payload):
      outcomes.append(.message(kind, payload.indices.map { payload[$0] }))
    case .assembledMessage(let kind, let payload):
      outcomes.append(.message(kind, payload))
    case .ping(let payload):
      outcomes.append(.ping(payload))
    case .pong(let payload):
      outcomes.append(.pong(payload))
    case .close(let code, let reason):
      outcomes.append(.close(code, reason: reason))
    case .violation(let violation):
      outcomes.append(.violation(violation))
    }
  }
}
