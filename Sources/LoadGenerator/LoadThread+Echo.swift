internal import SystemIO
internal import WebSocketClient
internal import WebSocketCore

// Every connection sends, and gets its own messages back, in order.

extension LoadThread {
  /// What may be queued for a server that reads too slowly; further messages wait, and
  /// keep the times at which they should have been sent.
  private static var queuedBytesMax: Int { 1 << 20 }

  mutating func startEcho(in clients: inout Clients) {
    guard pacer == nil else { return }
    for place in tokens.indices {
      guard let token = tokens[place] else { continue }
      for _ in 0..<plan.inFlight { sendEcho(on: token, in: &clients) }
    }
  }

  private mutating func sendEcho(on token: Token, in clients: inout Clients) {
    let slot = Int(token.slot)
    let number = table[slot].sent
    let stamp = MessageStamp(stream: UInt32(table[slot].stream), size: plan.size)
    payload.removeAll()
    payload.append(atMost: plan.size) { stamp.append(number, to: &$0) }
    guard clients.send(plan.kind, payload.span, on: token) else { return }
    table[slot].sent = number + 1
    if pacer == nil { sentAt[timeIndex(table[slot].index, number)] = now }
  }

  /// Of a closed loop: where the time of this message stands.
  private func timeIndex(_ place: Int, _ number: UInt64) -> Int {
    place * plan.inFlight + Int(number % UInt64(plan.inFlight))
  }

  /// Open loop: the messages of this thread go to its connections in turn.
  mutating func sendDueEchoes(in clients: inout Clients) {
    guard var pacer, !tokens.isEmpty else { return }
    for number in pacer.takeDue(at: now) {
      let place = Int(number % UInt64(tokens.count))
      guard let token = tokens[place] else {
        errors.unsent += 1
        continue
      }
      sendEcho(on: token, in: &clients)
    }
    self.pacer = pacer
  }

  mutating func echoed(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    let slot = Int(token.slot)
    let stamp = MessageStamp(stream: UInt32(table[slot].stream), size: plan.size)
    guard let number = check(kind, payload, stamp, slot) else { return }
    table[slot].received += 1
    messages += 1
    if let pacer {
      let whole = number * UInt64(tokens.count) + UInt64(table[slot].index)
      recordPaced(pacer.intendedTime(of: whole))
      return
    }
    if phase == .measuring {
      latency.record(now - min(now, sentAt[timeIndex(table[slot].index, number)]))
    }
    if phase == .warmUp || phase == .measuring { sendEcho(on: token, in: &clients) }
  }

  /// Messages sent that have not come back.
  var echoesUnderWay: UInt64 {
    var count: UInt64 = 0
    for slot in table.slots() { count += table[slot].sent - table[slot].received }
    return count
  }

  /// The number of a message that is as it should be, and in its order; nil, and counted,
  /// for others.
  mutating func check(
    _ kind: MessageKind, _ payload: Span<UInt8>, _ stamp: MessageStamp, _ slot: Int
  ) -> UInt64? {
    guard kind == plan.kind else {
      errors.wrongKind += 1
      return nil
    }
    let number: UInt64
    do throws(PayloadError) {
      number = try stamp.number(of: payload) ?? table[slot].order.next
    } catch {
      switch error {
      case .wrongSize: errors.wrongSize += 1
      case .wrongContent: errors.wrongContent += 1
      }
      return nil
    }
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

  /// Open loop: counts the latency of a message that should have been sent while it was
  /// measured, also when it comes later.
  mutating func recordPaced(_ intended: UInt64) {
    guard phase == .measuring || phase == .draining, intended >= measuredFrom,
      intended < measuredUntil
    else { return }
    latency.record(now - min(now, intended))
  }
}
