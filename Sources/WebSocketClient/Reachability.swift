package import SystemIO
internal import WebSocketCore

/// Which of a server's addresses answers: the first with which an opening handshake
/// succeeds. For programs that then open many connections to it.
package enum Reachability {
  /// Tries one address after the other, and closes what it has opened.
  ///
  /// Throws the end of the last attempt, or ``HostResolverError`` for a name without an
  /// address, or ``SystemError`` when there is no event loop to be had.
  package static func firstAddress(
    of url: WebSocketURL, _ target: ClientTarget, options: ClientOptions
  ) throws -> SocketAddress {
    let addresses = try url.addresses()
    var clients = try Clients(options)
    var attempt = Attempt()
    for address in addresses {
      attempt = Attempt()
      _ = clients.open(target, at: address)
      while attempt.end == nil {
        clients.wait()
        clients.handleCompletions(&attempt)
      }
      if attempt.hasOpened { return address }
    }
    throw UnreachableError(end: attempt.end ?? .openingTimedOut)
  }

  private struct Attempt: ClientHandler {
    var hasOpened = false
    var end: ClientEnd?

    mutating func opened(_ token: Token, _ opening: ClientOpening, in clients: inout Clients) {
      hasOpened = true
      clients.close(token, .normalClosure)
    }

    mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
      self.end = end
    }
  }
}

/// A server that no WebSocket could be opened to.
package struct UnreachableError: Error, CustomStringConvertible {
  package let end: ClientEnd

  package var description: String { "\(end)" }
}

extension WebSocketURL {
  /// Where it leads. Blocks while a name is looked up.
  package func addresses() throws(HostResolverError) -> [SocketAddress] {
    switch endpoint {
    case .host(let name, let port): try HostResolver.addresses(of: name, port: port)
    case .unixSocket(let path): [.unix(path: path)]
    }
  }
}
