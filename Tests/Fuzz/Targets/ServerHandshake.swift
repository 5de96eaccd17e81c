import HTTPCore
import WebSocketCore

// Upgrade requests: evaluated, accepted, and the answer put before our own client, which must be
// content with it.

func fuzz(_ input: inout FuzzInput) {
  let isWholeHead = input.choice() & 1 == 1
  var head = input.rest
  if !isWholeHead {
    let start = """
      GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n
      """
    head = Array(start.utf8) + head + Array("\r\n\r\n".utf8)
  }
  _ = readRequests([head], wideLimits) { request in
    do throws(HandshakeRejection) {
      guard let upgrade = try ServerHandshake.evaluate(request) else {
        expect(
          !request.headers.containsToken("Upgrade", "websocket") || request.version == .http10,
          "an upgrade overlooked")
        return
      }
      accept(upgrade)
    } catch {
      expect([400, 405, 426].contains(error.status.rawValue), "undocumented: \(error.status)")
      expectClean(error.headers)
    }
  }
}

private func accept(_ upgrade: UpgradeRequest) {
  expect(upgrade.head.method == .get && upgrade.head.bodyFraming == .none, "not a handshake")
  expect(Set(upgrade.subprotocols).count == upgrade.subprotocols.count, "duplicates")
  var request = ClientUpgradeRequest(host: "a", target: "/", key: upgrade.key)
  request.subprotocols = upgrade.subprotocols
  request.extensions = upgrade.extensions
  let extensions = Array(upgrade.extensions.prefix(1))
  let bytes = ServerHandshake.accept(
    upgrade, subprotocol: upgrade.subprotocols.last, extensions: extensions.map(\.description))
  let answers = readResponses([bytes], wideLimits) { response in
    do {
      let accepted = try ClientHandshake.validate(response, to: request)
      expect(accepted.subprotocol == upgrade.subprotocols.last, "another subprotocol")
      expect(accepted.extensions == extensions, "other extensions")
    } catch {
      fatalError("our client refuses: \(error)")
    }
  }
  expect(answers.heads.count == 1 && answers.consumed == bytes.count, "not one response")
}
