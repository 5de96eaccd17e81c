internal import FleetCore
internal import HTTPCore
internal import SystemIO
internal import WebSocketCore

// Which connections there are, and the end of some of them, as somebody asks for it.

extension Worker where Loop: ~Copyable {
  /// What fits in a packet, with room for its head.
  private static var listBytesMax: Int { 100 * 1024 }

  /// WebSockets with a number greater than `after`, a line each: number, peer, path, channel,
  /// milliseconds since it was accepted, bytes in and out, messages in, separated by tabs. None
  /// of them can have a tab or a line break in it. And the number to go on after, if there is more.
  func connectionList(limit: UInt64, after: UInt64) -> (body: [UInt8], next: UInt64?) {
    var body: [UInt8] = []
    var count: UInt64 = 0
    var last = after
    for slot in connections.slots() {
      let number = connections[slot].token.number
      guard number > after, connections[slot].isWebSocket else { continue }
      if count == limit || body.count > Self.listBytesMax { return (body, last) }
      let traffic = loop.traffic(of: connections[slot].token)
      let fields = [
        "\(number)", connections[slot].address?.description ?? "unix", connections[slot].path,
        ChannelName(path: connections[slot].path)?.text ?? "",
        "\(loop.now - connections[slot].acceptedAt)", "\(traffic.bytesReceived)",
        "\(traffic.bytesSent)", "\(connections[slot].messagesReceived)",
      ]
      body += Array((fields.joined(separator: "\t") + "\n").utf8)
      count += 1
      last = number
    }
    return (body, nil)
  }

  /// Closes those that are meant, in order. Returns how many.
  mutating func disconnect(_ selector: ConnectionSelector, _ code: CloseCode) -> UInt64 {
    var count: UInt64 = 0
    for slot in connections.slots() {
      guard connections.contains(slot), connections[slot].isWebSocket,
        connections[slot].closing.maySend, isMeant(slot, by: selector)
      else { continue }
      close(connections[slot].token, code, reason: "closed by the operator")
      count += 1
    }
    return count
  }

  private func isMeant(_ slot: Int, by selector: ConnectionSelector) -> Bool {
    switch selector {
    case .connection(let number): connections[slot].token.number == number
    case .address(let address): connections[slot].address?.description == address
    case .channel(let name): ChannelName(path: connections[slot].path)?.text == name
    }
  }
}
