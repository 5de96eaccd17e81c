import HTTPCore
import WebSocketCore

// A server's answer to the opening handshake, and the frames behind it: read the same whatever the
// pieces, the frames beginning just behind the head.

func fuzz(_ input: inout FuzzInput) {
  let options = input.choice()
  let seed = input.choice()
  var bytes = input.rest
  switch options & 3 {
  case 0: break
  case 1: bytes = Array((answer + "\r\n").utf8) + bytes
  case 2: bytes = Array(answer.utf8) + bytes
  default: bytes = Array("HTTP/1.1 103 Early Hints\r\n\r\n\(answer)\r\n".utf8) + bytes
  }
  let limits =
    options & 4 == 0 ? HTTPLimits() : HTTPLimits(headBytesMax: 200, headerFieldsMax: 5)
  let opening = expectSameForEveryCut(of: bytes, seed: seed) { open($0, limits) }

  if let error = opening.error {
    expect(!error.isEmpty && opening.frames.isEmpty, "no words for an error")
  } else if opening.isOpen {
    let head = bytes.prefix(opening.consumed)
    expect(head.suffix(4).elementsEqual("\r\n\r\n".utf8), "frames do not begin behind the head")
    let heads = head.indices.count { bytes[$0...].starts(with: "\r\n\r\n".utf8) }
    expect((1...8).contains(heads), "\(heads) heads")
    expect(opening.consumed <= heads * limits.headBytesMax, "over the limit")
    let plain = plainMessages(
      Array(bytes.dropFirst(opening.consumed)), role: .client, limits: messageLimits)
    expect(opening.frames == plain, "frames: \(opening.frames)\nplain: \(plain)")
  } else {
    expect(opening.consumed == bytes.count, "input left over")
  }
}

private let answer = """
  HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r
  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n
  """

private let messageLimits = MessageLimits(messageBytesMax: 300, fragmentsMax: 4)

private struct Opening: Equatable {
  var isOpen = false
  var subprotocol: String?
  /// Up to the end of the head.
  var consumed = 0
  var isEmpty = true
  var error: String?
  var frames: [ReadEvent] = []
}

private func open(_ pieces: [[UInt8]], _ limits: HTTPLimits) -> Opening {
  var request = ClientUpgradeRequest(host: "a", target: "/", key: "dGhlIHNhbXBsZSBub25jZQ==")
  request.subprotocols = ["chat", "v1"]
  request.extensions = [ExtensionOffer(name: "x")]
  var reader = OpeningResponseReader(request, limits: limits)
  var opening = Opening()
  var behind: [[UInt8]] = []
  for piece in pieces {
    if opening.isOpen {
      behind.append(piece)
      continue
    }
    var position = 0
    do throws(OpeningError) {
      let upgrade = try reader.read(piece.span, from: &position)?.upgrade
      opening.consumed += position
      if let upgrade {
        opening.isOpen = true
        opening.subprotocol = upgrade.subprotocol
        behind.append(Array(piece[position...]))
      } else {
        expect(position == piece.count, "stops without an answer")
      }
    } catch {
      // How far it has come depends on the pieces.
      return Opening(error: error.description)
    }
  }
  opening.isEmpty = reader.isEmpty
  opening.frames = readMessages(behind, role: .client, limits: messageLimits)
  return opening
}
