import HTTPCore
import WebSocketCore

// Responses to a client's handshake: read the same whatever the pieces, and validated. And requests
// from odd parts: what is written is read by our own server as it was meant.

func fuzz(_ input: inout FuzzInput) {
  let options = input.choice()
  let seed = input.choice()
  if options & 3 == 0 {
    writeRequest(input.texts(9))
    return
  }
  var head = input.rest
  if options & 3 == 1 {
    let start = """
      HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r
      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n
      """
    head = Array(start.utf8) + head + Array("\r\n\r\n".utf8)
  }
  let limits =
    options & 4 == 0 ? HTTPLimits() : HTTPLimits(headBytesMax: 200, headerFieldsMax: 4)
  let whole = expectSameForEveryCut(of: head, seed: seed) { pieces in
    readResponses(pieces, limits) { response in
      expectClean(response.headers)
      expect(100...599 ~= response.status.rawValue, "status \(response.status)")
      validate(response)
    }
  }
  expect(whole.error?.status.rawValue ?? 502 == 502, "undocumented: \(whole.error as Any)")
}

private let key = "dGhlIHNhbXBsZSBub25jZQ=="

private func validate(_ response: ResponseHead) {
  var request = ClientUpgradeRequest(host: "a", target: "/", key: key)
  request.subprotocols = ["chat", "v1"]
  request.extensions = [
    ExtensionOffer(name: "permessage-deflate", parameters: [.init(name: "client_max_window_bits")]),
    ExtensionOffer(name: "x"),
  ]
  do {
    let accepted = try ClientHandshake.validate(response, to: request)
    expect(
      accepted.subprotocol.map(request.subprotocols.contains) ?? true, "a subprotocol not asked for"
    )
    expect(
      accepted.extensions.allSatisfy { ["permessage-deflate", "x"].contains($0.name) },
      "an extension not offered")
  } catch {
    switch error {
    case .redirect, .unauthorized, .unsupportedVersion, .refused:
      expect(response.status != .switchingProtocols, "101 is no refusal")
    case .wrongHTTPVersion, .wrongUpgrade, .wrongConnection, .wrongAccept,
      .unexpectedSubprotocol, .malformedExtensions, .unexpectedExtension:
      expect(response.status == .switchingProtocols, "only 101 is looked into")
    case .invalidHost, .invalidTarget, .invalidKey, .invalidOrigin, .invalidSubprotocol,
      .invalidCookie, .reservedField:
      fatalError("not about a response: \(error)")
    }
  }
}

private func writeRequest(_ parts: [String]) {
  var request = ClientUpgradeRequest(host: parts[0], target: parts[1], key: key)
  request.origin = parts[2].isEmpty ? nil : parts[2]
  request.subprotocols = [parts[3], parts[4]].filter { !$0.isEmpty }
  if !parts[5].isEmpty { request.cookies = [(parts[5], parts[6])] }
  do throws(HTTPError) {
    if !parts[7].isEmpty { try request.headers.append(validating: parts[7], parts[8]) }
  } catch {
    return
  }
  guard let bytes = try? ClientHandshake.request(request) else { return }
  var count = 0
  let read = readRequests([bytes], wideLimits) { head in
    count += 1
    expect(head.host == request.host && head.target == request.target, "another request")
    do {
      let upgrade = try ServerHandshake.evaluate(head)
      expect(upgrade?.key == request.key, "another key")
      expect(upgrade?.subprotocols == request.subprotocols, "other subprotocols")
      if let origin = request.origin {
        let isSame = upgrade?.origin?.utf8.elementsEqual(origin.utf8.trimmingWhitespace) == true
        expect(isSame, "another origin")
      }
    } catch {
      // A field of the caller's, such as Expect, can make the server refuse.
      expect(!parts[7].isEmpty, "our server refuses: \(error)")
    }
  }
  expect(read.consumed == bytes.count || read.error != nil, "more than a request")
  expect(count == 1 || !parts[7].isEmpty, "our server reads \(count) requests: \(read)")
  expect(count <= 1, "a request split")
}
