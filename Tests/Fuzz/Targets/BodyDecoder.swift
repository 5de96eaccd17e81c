import HTTPCore

// Bodies by length and by chunk: the same whatever the pieces, never more than the limit, and
// content only where a plain decoder finds it.

private struct Outcome: Equatable {
  var content: [UInt8] = []
  var consumed = 0
  var isComplete = false
  var error: HTTPError?
}

func fuzz(_ input: inout FuzzInput) {
  let options = input.choice()
  let seed = input.choice()
  let limits =
    options & 1 == 0
    ? HTTPLimits()
    : HTTPLimits(
      headBytesMax: 32, headerFieldsMax: 2, bodyBytesMax: 20, chunkExtensionBytesMax: 8)
  let framing: BodyFraming =
    options & 2 == 0 ? .chunked : .length(Int(options >> 2))
  let whole = expectSameForEveryCut(of: input.rest, seed: seed) { decode($0, framing, limits) }

  expect(whole.content.count <= limits.bodyBytesMax, "more content than the limit")
  if let error = whole.error {
    expect([400, 413, 431].contains(error.status.rawValue), "undocumented: \(error)")
    return
  }
  switch framing {
  case .none: break
  case .length(let length):
    expect(whole.content.elementsEqual(input.rest.prefix(length)), "other content")
    expect(whole.isComplete == (input.rest.count >= length), "other end")
  case .chunked:
    if whole.isComplete {
      expect(whole.content == plainChunks(input.rest), "other content than a plain decoder")
    }
  }
}

private func decode(
  _ pieces: [[UInt8]], _ framing: BodyFraming, _ limits: HTTPLimits
) -> Outcome {
  var decoder = BodyDecoder(framing: framing, limits: limits)
  var outcome = Outcome(isComplete: decoder.isComplete)
  for piece in pieces {
    var rest = piece
    while !rest.isEmpty, !outcome.isComplete {
      do throws(HTTPError) {
        let step = try decoder.decode(rest.span)
        expect(0 < step.consumed && step.consumed <= rest.count, "consumed \(step.consumed)")
        expect(
          0 <= step.content.lowerBound && step.content.upperBound <= step.consumed,
          "content \(step.content)")
        outcome.content += rest[step.content]
        outcome.consumed += step.consumed
        outcome.isComplete = step.isComplete
        rest = Array(rest[step.consumed...])
      } catch {
        // Content before the error depends on the pieces; that there is an error doesn't.
        return Outcome(error: error)
      }
    }
  }
  return outcome
}

/// The content of a chunked body that is known to be well-formed (RFC 9112 §7.1.3).
private func plainChunks(_ body: [UInt8]) -> [UInt8] {
  var rest = body[...]
  var content: [UInt8] = []
  while true {
    let digits = rest.prefix { $0 != 0x0D && $0 != 0x3B && $0 != 0x20 && $0 != 0x09 }
    let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
    guard size > 0, let end = rest.firstIndex(of: 0x0A) else { return content }
    content += rest[(end + 1)...].prefix(size)
    rest = rest[(end + 1)...].dropFirst(size + 2)
  }
}
