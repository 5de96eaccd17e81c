/// The sending half: frames appended to a buffer that the caller has made room in.
package enum FrameWriter {
  /// The most that a header takes (RFC 6455 §5.2): 2 bytes, 8 of extended
  /// length, 4 of masking key.
  package static var headerBytesMax: Int { 14 }

  /// Appends one unfragmented frame.
  ///
  /// - Parameters:
  ///   - opcode: Any but a continuation.
  ///   - payload: At most 125 bytes for a control frame. Text must be valid UTF-8.
  ///   - maskingKey: Given by a client, fresh and unpredictable for each frame
  ///     (§5.3); nil for a server.
  ///   - output: With at least ``headerBytesMax`` + `payload.count` bytes free.
  package static func append(
    _ opcode: Opcode, payload: Span<UInt8>, maskingKey: MaskingKey? = nil,
    to output: inout OutputSpan<UInt8>
  ) {
    appendHeader(opcode, payload.count, maskingKey, to: &output)
    let start = output.count
    output.append(copying: payload)
    if let maskingKey { mask(maskingKey, from: start, in: &output) }
  }

  /// The same for a client, whose payload of `count` bytes `fill` appends: where it is
  /// made, it is masked.
  package static func append(
    _ opcode: Opcode, count: Int, maskingKey: MaskingKey, to output: inout OutputSpan<UInt8>,
    fill: (inout OutputSpan<UInt8>) -> Void
  ) {
    appendHeader(opcode, count, maskingKey, to: &output)
    let start = output.count
    fill(&output)
    precondition(output.count - start == count)
    mask(maskingKey, from: start, in: &output)
  }

  private static func appendHeader(
    _ opcode: Opcode, _ count: Int, _ maskingKey: MaskingKey?, to output: inout OutputSpan<UInt8>
  ) {
    precondition(!opcode.isControl || count <= controlPayloadBytesMax)
    let maskBit: UInt8 = maskingKey == nil ? 0 : 0x80
    output.append(0x80 | opcode.rawValue)
    switch count {
    case ..<126:
      output.append(maskBit | UInt8(count))
    case ..<65_536:
      output.append(maskBit | 126)
      output.append(UInt8(count >> 8))
      output.append(UInt8(count & 0xFF))
    default:
      output.append(maskBit | 127)
      for shift in stride(from: 56, through: 0, by: -8) {
        output.append(UInt8(truncatingIfNeeded: count >> shift))
      }
    }
    guard let maskingKey else { return }
    let key = UInt32(littleEndian: maskingKey.rawValue)
    for shift: UInt32 in [0, 8, 16, 24] { output.append(UInt8(truncatingIfNeeded: key >> shift)) }
  }

  private static func mask(
    _ key: MaskingKey, from start: Int, in output: inout OutputSpan<UInt8>
  ) {
    var written = output.mutableSpan
    applyMask(key, phase: 0, to: &written, in: start..<written.count)
  }

  /// The payload of a close frame (§5.5.1): the code, then as much of the
  /// reason as fits without cutting a character.
  package static func closePayload(_ code: CloseCode?, reason: String = "") -> [UInt8] {
    guard let code else { return [] }
    var payload = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)]
    for scalar in reason.unicodeScalars {
      let encoded = UTF8.encode(scalar)!
      if payload.count + encoded.count > controlPayloadBytesMax { break }
      payload.append(contentsOf: encoded)
    }
    return payload
  }
}
