import WebSocketClient
import WebSocketCore

// URLs: one that is accepted can be connected to and asked for, and reads the same when it is
// written.

func fuzz(_ input: inout FuzzInput) {
  let text = String(decoding: input.rest, as: UTF8.self)
  let url: WebSocketURL
  do throws(WebSocketURLError) {
    url = try WebSocketURL(parsing: text)
  } catch {
    expect(error.text == text && !error.problem.isEmpty, "no words for an error")
    return
  }
  let request = ClientUpgradeRequest(
    host: url.authority, target: url.target, key: "dGhlIHNhbXBsZSBub25jZQ==")
  do throws(ClientHandshakeError) {
    _ = try ClientHandshake.request(request)
  } catch {
    fatalError("\(url) cannot be asked for: \(error)")
  }
  if let authorization = url.basicAuthorization {
    expect(authorization.hasPrefix("Basic "), authorization)
    expect(url.userInformation?.utf8.contains(0x3A) == true, "user information without a colon")
  }
  switch url.endpoint {
  case .host(let host, let port):
    expect((1...255).contains(host.utf8.count) && !host.utf8.contains(0), "host \(host)")
    expect(port > 0, "port 0")
  case .unixSocket(let path):
    expect((1...107).contains(path.utf8.count) && !path.utf8.contains(0), "path \(path)")
    // Two slashes in front of it would be taken away again.
    if path.utf8.starts(with: "//".utf8) { return }
  }
  guard let again = try? WebSocketURL(parsing: url.description) else {
    fatalError("\(url) is no URL")
  }
  let isSame =
    again.endpoint == url.endpoint && again.usesTLS == url.usesTLS
    && again.authority == url.authority && again.target == url.target
  expect(isSame, "\(url) reads as \(again)")
  expect(again.userInformation == nil, "user information is shown")
}
