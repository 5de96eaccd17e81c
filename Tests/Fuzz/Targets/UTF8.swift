import WebSocketCore

// Validation in one piece and in many against a plain validator, and against String.

func fuzz(_ input: inout FuzzInput) {
  let repeats = Int(input.choice() & 0x3F)
  let seed = input.choice()
  // Long runs reach the vector loops; what is odd stands at any place between them.
  let bytes = Array(repeating: UInt8(ascii: "a"), count: repeats) + input.rest
  let expected = plainUTF8(bytes)
  expect(isValidUTF8(bytes.span) == (expected == .complete), "in one call")
  expect((String(validating: bytes, as: UTF8.self) != nil) == (expected == .complete), "String")

  for pieces in FuzzInput.cuts(of: bytes, seed: seed) {
    var validator = UTF8Validator()
    var plain = PlainUTF8()
    for piece in pieces {
      let state = plain.update(piece)
      expect(validator.update(piece.span) == (state != .invalid), "in \(pieces.count) pieces")
      if state == .invalid { break }
      expect(validator.isComplete == (state == .complete), "boundary in \(pieces.count) pieces")
    }
  }
}
