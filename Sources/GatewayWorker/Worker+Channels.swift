internal import SystemIO
internal import WebSocketCore

// Fan-out: a publication is encoded once, into its channel's batch; at the end
// of the loop's iteration the batch goes to every member.

extension Worker where Loop: ~Copyable {
  /// Batches are sent before the end of the iteration once one, or all of them
  /// together, have come to this.
  private static var batchBytesMax: Int { 64 * 1024 }
  private static var batchedBytesMax: Int { 4 * 1024 * 1024 }

  mutating func joinChannel(_ name: ChannelName, echoes: Bool, _ token: Token) {
    let channel: Channel
    if let existing = channels[name] {
      channel = existing
      // What was published before it came is not for the new member.
      flush(channel)
    } else {
      channel = Channel(name: name)
      channels[name] = channel
    }
    let slot = Int(token.slot)
    connections[slot].memberIndex = channel.join(token)
    connections[slot].endpoint = .channel(channel, echoes: echoes)
    connections[slot].messagesSent -= channel.publicationsSent
  }

  /// Ends what it receives. What it still sends, until its own close frame, is
  /// published all the same.
  mutating func unsubscribe(_ token: Token) {
    let slot = Int(token.slot)
    guard case .channel(let channel, _) = connections[slot].endpoint else { return }
    // What was published before it went is still for it. This may close other
    // members, and move this one to another index.
    flush(channel)
    guard let index = connections[slot].memberIndex else { return }
    connections[slot].memberIndex = nil
    connections[slot].messagesSent += channel.publicationsSent
    if let moved = channel.leave(index) { connections[Int(moved.slot)].memberIndex = index }
    if channel.members.isEmpty { channels[channel.name] = nil }
  }

  mutating func publish(
    _ kind: MessageKind, _ payload: Span<UInt8>, to joined: Channel, from token: Token,
    echoes: Bool
  ) {
    let memberIndex = connections[Int(token.slot)].memberIndex
    // Once the sender has left it, the channel may have been founded anew.
    guard let channel = memberIndex == nil ? channels[joined.name] : joined else { return }
    let excluded = echoes ? nil : memberIndex
    if excluded != nil && channel.members.count == 1 { return }
    let batch: ByteChunk
    if let existing = channel.batch {
      batch = existing
    } else {
      batch = ByteChunk(capacity: payload.count + 512)
      channel.batch = batch
      dirtyChannels.append(channel)
    }
    let start = batch.count
    batch.append(atMost: FrameWriter.headerBytesMax + payload.count) { output in
      FrameWriter.append(kind.opcode, payload: payload, to: &output)
    }
    batchedBytes += batch.count - start
    channel.publications.append(
      Channel.Publication(end: batch.count, excluded: excluded == nil ? nil : token))
    if let excluded {
      channel.members[excluded].isExcluded = true
      connections[Int(token.slot)].messagesSent -= 1
    }
    if batch.count >= Self.batchBytesMax {
      flush(channel)
    } else if batchedBytes >= Self.batchedBytesMax {
      flushChannels()
    }
  }

  mutating func flushChannels() {
    if dirtyChannels.isEmpty { return }
    for channel in dirtyChannels { flush(channel) }
    dirtyChannels.removeAll(keepingCapacity: true)
    batchedBytes = 0
  }

  private mutating func flush(_ channel: Channel) {
    guard let batch = channel.batch else { return }
    channel.publicationsSent += channel.publications.count
    var overflowed: [Token] = []
    for index in channel.members.indices {
      let member = channel.members[index]
      let queued = loop.queuedBytes(on: member.token)
      if queued + batch.count > options.sendQueueBytesMax {
        let unsent = sendOneByOne(batch, of: channel, to: member.token)
        connections[Int(member.token.slot)].messagesSent -= unsent
        if unsent > 0 { overflowed.append(member.token) }
      } else if member.isExcluded {
        sendSelection(batch, of: channel, to: member.token)
      } else {
        transmit(batch, 0..<batch.count, to: member.token)
      }
      if member.isExcluded { channel.members[index].isExcluded = false }
    }
    batchedBytes -= batch.count
    channel.batch = nil
    channel.publications.removeAll(keepingCapacity: true)
    for token in overflowed {
      let reason = "messages were not read fast enough"
      close(token, .tryAgainLater, reason: reason)
      count(.slowConsumer, reason, on: token)
    }
  }

  /// All but what the member has published itself, as one send.
  private mutating func sendSelection(
    _ batch: ByteChunk, of channel: Channel, to token: Token
  ) {
    for range in channel.ranges(for: token) { selection.append(batch, range) }
    if selection.count == 0 { return }
    transmit(selection, 0..<selection.count, to: token)
    recycle(&selection)
  }

  /// Near the limit each message is checked against what is queued before it.
  /// Returns how many could not be sent any more.
  private mutating func sendOneByOne(
    _ batch: ByteChunk, of channel: Channel, to token: Token
  ) -> Int {
    var start = 0
    var unsent = 0
    for publication in channel.publications {
      if publication.excluded != token {
        if unsent > 0 || loop.queuedBytes(on: token) > options.sendQueueBytesMax {
          unsent += 1
        } else {
          transmit(batch, start..<publication.end, to: token)
        }
      }
      start = publication.end
    }
    return unsent
  }
}
