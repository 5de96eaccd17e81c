internal import SystemIO
internal import WebSocketClient
internal import WebSocketCore

// Every connection sends, and gets its own messages back, in order.

extension LoadThread {
  mutating func startEcho(in clients: inout Clients) {
    guard pacer == nil else { return }
    for place in tokens.indices {
      guard let token = tokens[place] else { continue }
      for _ in 0..<plan.inFlight { sendEcho(on: token, in: &clients) }
    }
  }

  /// False when the connection is being closed.
  @discardableResult
  private mutating func sendEcho(on token: Token, in clients: inout Clients) -> Bool {
    let slot = Int(token.slot)
    let number = table[slot].sent
    let stamp = MessageStamp(stream: UInt32(table[slot].stream), size: plan.size)
    let isSent = clients.send(plan.kind, count: plan.size, on: token) {
      stamp.append(number, to: &$0)
    }
    guard isSent else { return false }
    table[slot].sent = number + 1
    if pacer == nil { sentAt[timeIndex(table[slot].index, number)] = now }
    return true
  }

  /// Of a closed loop: where the time of this message stands.
  private func timeIndex(_ place: Int, _ number: UInt64) -> Int {
    place * plan.inFlight + Int(number % UInt64(plan.inFlight))
  }

  /// Open loop: the messages of this thread go to its connections in turn.
  mutating func sendDueEchoes(in clients: inout Clients) {
    guard var pacer, !tokens.isEmpty else { return }
    while blockedOn == nil, let number = pacer.takeDue(at: now, atMost: 1).first {
      let place = Int(number % UInt64(tokens.count))
      guard let token = tokens[place], sendEcho(on: token, in: &clients) else {
        errors.unsent += 1
        continue
      }
      noteBacklog(of: token, clients)
    }
    self.pacer = pacer
  }

  mutating func echoed(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    let slot = Int(token.slot)
    let stamp = MessageStamp(stream: UInt32(table[slot].stream), size: plan.size)
    if let number = check(kind, payload, stamp, slot, sent: table[slot].sent) {
      table[slot].received += 1
      messages += 1
      if let pacer {
        let whole = number * UInt64(tokens.count) + UInt64(table[slot].index)
        recordPaced(pacer.intendedTime(of: whole))
      } else if phase == .measuring {
        latency.record(now - min(now, sentAt[timeIndex(table[slot].index, number)]))
      }
    }
    // What comes without having been sent is no reason to send more.
    if pacer == nil, phase == .warmUp || phase == .measuring,
      table[slot].underWay < UInt64(plan.inFlight)
    {
      sendEcho(on: token, in: &clients)
    }
  }

  /// Messages sent that have not come back.
  var echoesUnderWay: UInt64 {
    var count: UInt64 = 0
    for slot in table.slots() { count += table[slot].underWay }
    return count
  }

  /// The number of a message that is as it should be, one of the first `sent`; nil, and
  /// counted, for others. A spoilt one stands for one that was sent, so that it isn't lost
  /// too.
  mutating func check(
    _ kind: MessageKind, _ payload: Span<UInt8>, _ stamp: MessageStamp, _ slot: Int, sent: UInt64
  ) -> UInt64? {
    if kind != plan.kind {
      errors.wrongKind += 1
      countSpoilt(slot, sent: sent)
      return nil
    }
    let number: UInt64?
    do throws(PayloadError) {
      number = try stamp.number(of: payload)
    } catch {
      switch error {
      case .wrongSize: errors.wrongSize += 1
      case .wrongContent: errors.wrongContent += 1
      }
      countSpoilt(slot, sent: sent)
      return nil
    }
    guard let number else { return checkUnnumbered(slot, sent: sent) }
    switch table[slot].order.receive(number) {
    case .inOrder, .skipped:
      return number
    case .late:
      errors.outOfOrder += 1
      return number
    case .duplicate:
      errors.duplicated += 1
      return nil
    }
  }

  /// Messages without a number are only counted.
  private mutating func checkUnnumbered(_ slot: Int, sent: UInt64) -> UInt64? {
    let number = table[slot].received + table[slot].spoilt
    if number < sent { return number }
    errors.duplicated += 1
    return nil
  }

  private mutating func countSpoilt(_ slot: Int, sent: UInt64) {
    if table[slot].missing(of: sent) > 0 { table[slot].spoilt += 1 }
  }

  /// Open loop: a server that reads too slowly makes further messages wait, which keep
  /// the times at which they should have been sent.
  mutating func noteBacklog(of token: Token, _ clients: borrowing Clients) {
    if clients.queuedBytes(on: token) > 1 << 20 { blockedOn = token }
  }

  mutating func drained(_ token: Token, in clients: inout Clients) {
    if let blockedOn, blockedOn == token { self.blockedOn = nil }
  }

  /// Open loop: counts the latency of a message that comes while it is measured, or that
  /// should have been sent while it was, and comes later.
  mutating func recordPaced(_ intended: UInt64) {
    guard phase == .measuring || phase == .draining && intended < measuredUntil else { return }
    latency.record(now - min(now, intended))
  }
}
