internal import SystemIO

/// A channel's subscribers on this worker, and what was published to it in this
/// iteration of the loop. Everything that goes to the same subscribers is one
/// buffer, encoded once.
final class Channel {
  struct Member {
    let token: Token
    /// Has published something in the current batch that it is not to receive.
    var isExcluded = false
  }

  struct Publication {
    /// Where its frame ends in the batch.
    let end: Int
    /// Who is not to receive it.
    let excluded: Token?
  }

  let name: ChannelName
  var members: [Member] = []
  /// Frames that are to leave together, each as `publications` says.
  var batch: ByteChunk? = nil
  var publications: [Publication] = []
  /// In all batches that have been sent.
  var publicationsSent = 0

  init(name: ChannelName) {
    self.name = name
  }

  /// Returns the new member's index, by which it leaves.
  func join(_ token: Token) -> Int {
    members.append(Member(token: token))
    return members.count - 1
  }

  /// The last member takes the index of the one that leaves; returns its token,
  /// nil when there is none to move.
  func leave(_ index: Int) -> Token? {
    let last = members.removeLast()
    if index == members.count { return nil }
    members[index] = last
    return last.token
  }

  /// The parts of the batch that this member is to receive, in order.
  func ranges(for token: Token) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    for publication in publications {
      if publication.excluded != token {
        if let last = ranges.last, last.upperBound == start {
          ranges[ranges.count - 1] = last.lowerBound..<publication.end
        } else {
          ranges.append(start..<publication.end)
        }
      }
      start = publication.end
    }
    return ranges
  }
}
