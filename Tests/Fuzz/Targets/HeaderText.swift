import HTTPCore
import WebSocketCore

// The texts within heads: percent-encoding against a plain decoder; queries, cookies, lists,
// extensions and base64 against what they must have in common.

func fuzz(_ input: inout FuzzInput) {
  let text = String(decoding: input.rest, as: UTF8.self)

  let decoded = PercentEncoding.decode(text)
  expect(decoded == plainPercentDecoded(Array(text.utf8)), "percent-decoding")

  do {
    let query = try QueryParameters(text, parametersMax: 8)
    expect(query.pairs.count <= 8, "too many parameters")
    let parts = text.utf8.split(separator: UInt8(ascii: "&"))
    expect(parts.count == query.pairs.count, "parameters")
    for (name, _) in query.pairs { expect(query[name] == query.values(name).first, "lookup") }
  } catch {
    expect(error.status == .badRequest, "undocumented: \(error)")
  }

  var fields = HeaderFields()
  fields.append("Cookie", text)
  expectClean(fields)
  for (name, _) in Cookies(fields).pairs {
    expect(!name.isEmpty && !name.utf8.contains(UInt8(ascii: ";")), "cookie name")
  }
  for element in fields.listElements("cookie") {
    expect(element.utf8.elementsEqual(element.utf8.trimmingWhitespace), "untrimmed element")
    expect(!element.isEmpty, "empty element")
  }

  if let offers = try? ExtensionOffer.parse([text]) {
    let written = offers.map(\.description).joined(separator: ", ")
    expect((try? ExtensionOffer.parse([written])) == offers, "extensions written as \(written)")
  }
  if let bytes = Base64.decode(text) {
    expect(Base64.decode(Base64.encode(bytes)) == bytes, "base64")
  }
  expect(Base64.decode(Base64.encode(input.rest)) == input.rest, "base64 of bytes")
}

private func plainPercentDecoded(_ text: [UInt8]) -> [UInt8]? {
  var decoded: [UInt8] = []
  var index = 0
  while index < text.count {
    guard text[index] == UInt8(ascii: "%") else {
      decoded.append(text[index])
      index += 1
      continue
    }
    let digits = text[(index + 1)...].prefix(2)
    let areHex = digits.allSatisfy { "0123456789abcdefABCDEF".utf8.contains($0) }
    guard digits.count == 2, areHex,
      let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    else { return nil }
    decoded.append(byte)
    index += 3
  }
  return decoded
}
