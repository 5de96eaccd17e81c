import WebSocketCore

// Masking against a loop over single bytes, at every alignment, phase and length.

func fuzz(_ input: inout FuzzInput) {
  let keyBytes = (0..<4).map { _ in input.choice() }
  let key = MaskingKey(keyBytes[0], keyBytes[1], keyBytes[2], keyBytes[3])
  let phase = Int(input.choice())
  let start = input.choice()
  let end = input.choice()
  var bytes = input.rest
  let lower = Int(start) % (bytes.count + 1)
  let range = lower..<(bytes.count - Int(end) % (bytes.count - lower + 1))

  var expected = bytes
  for index in range { expected[index] ^= keyBytes[(phase + index - lower) % 4] }

  var pieces = bytes
  var span = bytes.mutableSpan
  applyMask(key, phase: phase, to: &span, in: range)
  expect(bytes == expected, "\(range) of \(bytes.count) at phase \(phase)")

  // In two parts it is the same.
  let middle = range.lowerBound + range.count / 2
  var piecesSpan = pieces.mutableSpan
  applyMask(key, phase: phase, to: &piecesSpan, in: lower..<middle)
  applyMask(
    key.rotated(by: phase + middle - lower), phase: 0, to: &piecesSpan,
    in: middle..<range.upperBound)
  expect(pieces == expected, "\(range) of \(bytes.count) in two parts")
}
