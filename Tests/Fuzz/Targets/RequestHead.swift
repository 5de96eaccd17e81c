import HTTPCore

// Requests, one after the other on a connection: the same whatever the pieces, within the limits,
// and the same again when written and read once more.

func fuzz(_ input: inout FuzzInput) {
  let limits =
    input.choice() & 1 == 0
    ? HTTPLimits() : HTTPLimits(headBytesMax: 64, headerFieldsMax: 3, bodyBytesMax: 10)
  let seed = input.choice()
  let whole = expectSameForEveryCut(of: input.rest, seed: seed) { pieces in
    readRequests(pieces, limits) { check($0, limits) }
  }
  var start = 0
  for head in whole.heads {
    expectCRLFOnly(input.rest[start..<head.consumed])
    start = head.consumed
  }
  if let error = whole.error {
    expect(
      [400, 413, 414, 417, 431, 501, 505].contains(error.status.rawValue), "undocumented: \(error)")
  }
}

/// That a head, as it came, has CR and LF together only, and ends with an empty line.
private func expectCRLFOnly(_ head: ArraySlice<UInt8>) {
  let text = String(decoding: head.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  let ends = text.utf8.count { $0 == 0x0D || $0 == 0x0A }
  // In a String, CR LF is one character.
  let pairs = text.count { $0 == "\r\n" }
  expect(ends == 2 * pairs, "bare line ends in \(text.debugDescription)")
  expect(text.hasSuffix("\r\n\r\n"), "no empty line at the end of \(text.debugDescription)")
}

private func check(_ head: RequestHead, _ limits: HTTPLimits) {
  expectClean(head.headers)
  expect(head.headers.count <= limits.headerFieldsMax, "too many fields")
  expect(
    head.path.hasPrefix("/") || head.path == "*" || head.method == .connect && head.path.isEmpty,
    "path \(head.path.debugDescription)")
  expect(head.host != nil || head.version == .http10, "no host")
  if case .length(let length) = head.bodyFraming {
    expect(0 < length && length <= limits.bodyBytesMax, "length \(length)")
  }

  let version = head.version == .http11 ? "HTTP/1.1" : "HTTP/1.0"
  var written = Array("\(head.method.name) \(head.target) \(version)\r\n".utf8)
  head.headers.append(to: &written)
  written += Array("\r\n".utf8)
  expect(written.count <= 2 * limits.headBytesMax, "larger than what was read")
  var parser = RequestHeadParser(limits: wideLimits)
  do {
    let (consumed, again) = try parser.parse(written.span)
    expect(consumed == written.count, "not read to the end")
    expect(again.map(summary) == summary(head), "reads differently when written again")
  } catch {
    fatalError("not read when written again: \(error)")
  }
}
