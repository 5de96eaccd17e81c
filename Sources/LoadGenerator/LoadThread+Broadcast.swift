internal import Synchronization
internal import SystemIO
internal import WebSocketClient
internal import WebSocketCore

// One connection, of the first thread, publishes; the others receive. In a closed loop a
// batch follows when every subscriber of every thread has received the one before.

extension LoadThread {
  private var stamp: MessageStamp {
    MessageStamp(stream: UInt32(plan.connections), size: plan.size)
  }

  /// What this thread has published.
  var published: UInt64 {
    index == 0 && plan.scenario == .broadcast ? control.published.load(ordering: .relaxed) : 0
  }

  private var subscribers: UInt64 { UInt64(tokens.count { $0 != nil }) }

  mutating func startBroadcast(in clients: inout Clients) {
    deliveriesLeft = subscribers * UInt64(plan.inFlight)
    if index == 0 && pacer == nil { publishBatch(in: &clients) }
  }

  private mutating func publishBatch(in clients: inout Clients) {
    control.threadsPending.store(plan.threads, ordering: .relaxed)
    control.batchSentAt.store(now, ordering: .releasing)
    publish(UInt64(plan.inFlight), in: &clients)
    // Without subscribers of its own a thread has received all there is for it.
    if deliveriesLeft == 0 { batchReceived(in: &clients) }
  }

  private mutating func publish(_ count: UInt64, in clients: inout Clients) {
    guard let publisher else {
      errors.unsent += count
      return
    }
    let slot = Int(publisher.slot)
    // Other threads can receive a message before this one has gone on.
    control.published.store(table[slot].sent + count, ordering: .releasing)
    for index in 0..<count {
      let number = table[slot].sent
      let stamp = stamp
      let isSent = clients.send(plan.kind, count: plan.size, on: publisher) {
        stamp.append(number, to: &$0)
      }
      guard isSent else {
        errors.unsent += count - index
        break
      }
      table[slot].sent = number + 1
    }
    control.published.store(table[slot].sent, ordering: .releasing)
  }

  /// Open loop.
  mutating func publishDue(in clients: inout Clients) {
    guard index == 0, var pacer else { return }
    while blockedOn == nil, !pacer.takeDue(at: now, atMost: 1).isEmpty {
      publish(1, in: &clients)
      if let publisher { noteBacklog(of: publisher, clients) }
    }
    self.pacer = pacer
  }

  mutating func delivered(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    // A server may send to the publisher too; those are not measured.
    if let publisher, token == publisher { return }
    let slot = Int(token.slot)
    let sent = control.published.load(ordering: .acquiring)
    let missing = table[slot].missing(of: sent)
    if let number = check(kind, payload, stamp, slot, sent: sent) {
      table[slot].received += 1
      messages += 1
      if let pacer {
        recordPaced(pacer.intendedTime(of: number))
      } else if phase == .measuring {
        latency.record(now - min(now, control.batchSentAt.load(ordering: .acquiring)))
      }
    }
    guard pacer == nil, table[slot].missing(of: sent) < missing, deliveriesLeft > 0 else { return }
    deliveriesLeft -= 1
    if deliveriesLeft == 0 { batchReceived(in: &clients) }
  }

  /// The subscribers of this thread have all received the batch.
  private mutating func batchReceived(in clients: inout Clients) {
    deliveriesLeft = subscribers * UInt64(plan.inFlight)
    let left = control.threadsPending.subtract(1, ordering: .acquiringAndReleasing).newValue
    if left > 0 { return }
    if index == 0 {
      publishNextIfAllReceived(in: &clients)
    } else {
      control.wake(0)
    }
  }

  mutating func publishNextIfAllReceived(in clients: inout Clients) {
    guard index == 0, pacer == nil, phase == .warmUp || phase == .measuring,
      control.threadsPending.load(ordering: .acquiring) <= 0,
      // A batch for nobody would be received at once, and followed by the next, for ever.
      control.subscribers.load(ordering: .relaxed) > 0
    else { return }
    publishBatch(in: &clients)
  }

  /// What it has not received of the batch is not waited for.
  mutating func subscriberLost(_ connection: LoadConnection, in clients: inout Clients) {
    guard connection.index >= 0 else { return }
    let missing = connection.missing(of: control.published.load(ordering: .acquiring))
    errors.lost += missing
    guard pacer == nil, deliveriesLeft > 0 else { return }
    deliveriesLeft -= min(deliveriesLeft, missing)
    if deliveriesLeft == 0 { batchReceived(in: &clients) }
  }

  /// Deliveries that are still to come to the subscribers of this thread.
  var deliveriesUnderWay: UInt64 {
    let published = control.published.load(ordering: .acquiring)
    var count: UInt64 = 0
    for place in tokens.indices {
      guard let token = tokens[place] else { continue }
      count += table[Int(token.slot)].missing(of: published)
    }
    return count
  }
}
