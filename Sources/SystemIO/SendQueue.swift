internal import Glibc

/// What a socket's kernel buffer had no room for: parts of chunks, in order.
/// Exists only while a connection is behind.
final class SendQueue {
  private struct Part {
    /// Nil when all of it has left.
    var chunk: ByteChunk?
    var range: Range<Int>
  }

  /// The parts from `first` on; those before it are done.
  private var parts: [Part] = []
  private var first = 0
  private(set) var byteCount = 0

  /// The last part's chunk when it is this queue's own, so that it may grow.
  private var ownTail: ByteChunk? = nil

  private static let ownChunkBytes = 4096

  /// Shares the chunk where that saves memory. Where only little of a large
  /// chunk is left to send, or there is little of it at all, copies: a slow
  /// reader must not hold much more than what is counted for it.
  func append(_ chunk: ByteChunk, _ range: Range<Int>) {
    byteCount += range.count
    if range.count >= Self.ownChunkBytes / 2 && range.count >= chunk.capacity / 2 {
      parts.append(Part(chunk: chunk, range: range))
      ownTail = nil
      return
    }
    if let tail = ownTail, first < parts.count, tail.capacity - tail.count >= range.count {
      tail.append(chunk, range)
      let part = parts[parts.count - 1].range
      parts[parts.count - 1].range = part.lowerBound..<tail.count
      return
    }
    let tail = ByteChunk(capacity: max(range.count, Self.ownChunkBytes))
    tail.append(chunk, range)
    parts.append(Part(chunk: tail, range: 0..<tail.count))
    ownTail = tail
  }

  enum Progress {
    case emptied
    case blocked
    case failed(SystemError)
  }

  /// Writes until the queue is empty or the kernel takes no more.
  func flush(to descriptor: Int32) -> Progress {
    while byteCount > 0 {
      let written = write(to: descriptor)
      if written < 0 {
        return errno == EAGAIN ? .blocked : .failed(.last("sendmsg"))
      }
      consume(written)
    }
    return .emptied
  }

  private func write(to descriptor: Int32) -> Int {
    let count = min(parts.count - first, 64)
    // SAFETY: see the steps.
    return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
      for index in 0..<count {
        let part = parts[first + index]
        // SAFETY: the part keeps its chunk alive, and a queued chunk isn't changed.
        unsafe vectors.initializeElement(
          at: index,
          to: iovec(
            iov_base: part.chunk!.address + part.range.lowerBound, iov_len: part.range.count))
      }
      // SAFETY: the message refers to the vectors above only during the call.
      var message = unsafe msghdr()
      unsafe message.msg_iov = vectors.baseAddress
      unsafe message.msg_iovlen = count
      return retryingInterrupts { unsafe sendmsg(descriptor, &message, sendFlags) }
    }
  }

  private func consume(_ written: Int) {
    byteCount -= written
    var left = written
    while left > 0 {
      let count = parts[first].range.count
      if left < count {
        let range = parts[first].range
        parts[first].range = (range.lowerBound + left)..<range.upperBound
        keepOnlyTheRest()
        break
      }
      left -= count
      parts[first].chunk = nil
      first += 1
    }
    closeUp()
  }

  /// Gives up a large chunk of which little is left: what is held must not be
  /// much more than what is counted.
  private func keepOnlyTheRest() {
    let part = parts[first]
    guard let chunk = part.chunk, part.range.count < chunk.capacity / 4,
      chunk.capacity > Self.ownChunkBytes
    else { return }
    let rest = ByteChunk(capacity: part.range.count)
    rest.append(chunk, part.range)
    if chunk === ownTail { ownTail = nil }
    parts[first] = Part(chunk: rest, range: 0..<rest.count)
  }

  private func closeUp() {
    // Close up behind what is done, at a cost that stays constant per part.
    if first == parts.count {
      parts.removeAll(keepingCapacity: true)
      first = 0
      ownTail = nil
    } else if first >= 64 && first * 2 >= parts.count {
      parts.removeFirst(first)
      first = 0
    }
  }
}
