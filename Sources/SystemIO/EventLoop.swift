internal import Glibc

/// Names a socket of an event loop. A token outlives its socket harmlessly: its
/// slot may be reused, its generation is not, and calls with a stale token do
/// nothing.
///
/// Public, because only what is public can be inlined elsewhere, and tokens are compared
/// several times for every message.
@frozen public struct Token: Hashable, Sendable {
  /// Small and reused; an index for tables beside the loop's.
  public let slot: UInt32
  @usableFromInline let generation: UInt32

  init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }

  /// Names the socket outside of this process too: no other one that the loop has had, or will
  /// have, has this number. They are in the order of the slots.
  package var number: UInt64 { UInt64(slot) << 32 | UInt64(generation) }

  /// Whether both name the same socket, and the same use of its slot.
  @inlinable public static func == (left: Token, right: Token) -> Bool {
    left.slot == right.slot && left.generation == right.generation
  }

  /// Of the slot's next socket; 0 is no socket's.
  var nextGeneration: UInt32 { generation == .max ? 1 : generation + 1 }
}

/// Bytes in the loop's receive buffer, valid until the loop is next asked for a
/// completion. They may be changed in place.
@safe package struct ReceivedBytes {
  private let base: UnsafeMutablePointer<UInt8>
  package let count: Int

  /// What a chunk holds, for a layer between the loop and its owner: valid until
  /// that layer is next asked for a completion.
  package init(_ chunk: ByteChunk) {
    unsafe self.init(chunk.address, count: chunk.count)
  }

  /// SAFETY: the caller keeps the memory as this type says.
  @unsafe init(_ base: UnsafeMutablePointer<UInt8>, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  package var span: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      // SAFETY: `count` initialized bytes, nobody else's until the next completion.
      let span = unsafe MutableSpan(_unsafeStart: base, count: count)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }
}

/// What an event loop tells its owner.
package enum Completion {
  /// A connection has come in on the listener with this index. The peer's
  /// address is an IPv6 address (RFC 4291), IPv4-mapped for IPv4; nil on a Unix
  /// socket.
  case accepted(Token, listener: Int, peer: UInt128?)
  case acceptFailed(SystemError, listener: Int)
  /// The listener's queue was empty after ``EventLoop/stopListening(on:)`` or
  /// ``EventLoop/stopListening()``, and it is closed. Its index may be used again.
  case stoppedListening(listener: Int)
  /// What ``EventLoop/connect(to:from:)`` has asked for. Had it failed, the socket
  /// would have been reported as closed.
  case connected(Token)
  case received(Token, ReceivedBytes)
  /// The peer has shut its write side: nothing more will be received.
  case endOfStream(Token)
  /// What could not be sent at once has all been taken by the kernel.
  case sent(Token)
  /// The connection broke. The loop has closed the socket; the token is stale.
  case closed(Token, SystemError)
  /// The socket's timer.
  case fired(Token)
  /// A descriptor of ``EventLoop/watch(readable:)`` has something to be read, or its end or
  /// an error. It is told in every iteration until that is read.
  case readable(Token)
  /// One of the watched signals.
  case signalled(Int32)
  /// Somebody used a ``Waker``.
  case woken
}

/// A single-threaded, completion-shaped event loop: the owner asks for things to
/// happen and is told what has happened, one completion at a time.
///
///     while running {
///       loop.wait()
///       while let completion = loop.next() { … }
///       …                                        // the end of an iteration
///     }
///
/// The shape is that of io_uring's rings, so that a backend on them fits behind
/// it. Owners are generic over the loop, which the compiler specializes: there
/// is no dynamic dispatch.
///
/// A socket has at most one timer. An idle socket holds no buffer.
package protocol EventLoop: ~Copyable {
  /// Milliseconds of the monotonic clock, read once per iteration.
  var now: UInt64 { get }

  /// Accepts connections on `listener` from now on; completions carry the index.
  mutating func listen(on listener: consuming Listener) throws(SystemError) -> Int

  /// Accepts who is in the queues of all listeners, however many, and closes them. The
  /// completions follow, ``Completion/stoppedListening(listener:)`` last for each.
  ///
  /// Whoever cannot be accepted, because descriptors have run out, is disconnected, and
  /// reported with ``Completion/acceptFailed(_:listener:)``.
  mutating func stopListening()

  /// Accepts who is in the listener's queue, and closes it then. In each iteration a bounded
  /// number is accepted; ``Completion/stoppedListening(listener:)`` tells the end.
  ///
  /// Where others have the socket open too, or a group of SO_REUSEPORT has others, new
  /// connections are to be led elsewhere before (``ReuseportSteering``), or they go on
  /// to be queued where nobody attends to them. To listen again, give the loop another
  /// ``Listener`` of the same socket.
  mutating func stopListening(on listener: Int)

  /// Reports these signals as completions instead of their default action.
  mutating func watch(signals: [Int32]) throws(SystemError)

  /// Tells when `descriptor` has something to be read, which its owner does: a socket
  /// whose packets carry descriptors, a pidfd, a pipe.
  ///
  /// ``close(_:discardingOutput:)`` ends the watch and leaves the descriptor open. It must come
  /// before the descriptor is closed. A watch can have a timer, as sockets can; whatever else
  /// sockets do, it doesn't do.
  ///
  /// - Throws: EPERM for a kind of file that cannot be watched, EEXIST when this loop watches
  ///   the descriptor already, EBADF.
  mutating func watch(readable descriptor: Int32) throws(SystemError) -> Token

  /// For other threads to end a ``wait()``.
  func makeWaker() throws(SystemError) -> Waker

  /// Connects to `address`, from a local address if one is given (whose port is
  /// then 0). It has come to something with ``Completion/connected(_:)``, and to
  /// nothing with ``Completion/closed(_:_:)``; nothing may be sent before.
  mutating func connect(to address: SocketAddress, from local: SocketAddress?) -> Token

  /// Sleeps until there is a completion.
  mutating func wait()

  /// Sleeps until there is a completion, or so long.
  mutating func wait(atMost nanoseconds: UInt64)

  /// The next completion of this iteration; nil at its end.
  mutating func next() -> Completion?

  /// Sends the given part of `chunk`, after what is queued already. The caller
  /// bounds the queue by ``queuedBytes(on:)``.
  mutating func send(_ chunk: ByteChunk, _ range: Range<Int>, on token: Token)

  /// Bytes that the kernel has not taken yet.
  func queuedBytes(on token: Token) -> Int

  /// The same, of all sockets together.
  var queuedBytesInAll: Int { get }

  /// What all sockets together have received, and were given to send, since the start.
  var bytesReceivedInAll: UInt64 { get }
  var bytesHandedOverInAll: UInt64 { get }

  /// What has been received on the socket so far, and what the kernel has taken for it. Also of
  /// one that was just closed, or reported as closed, until a slot is needed for another.
  func traffic(of token: Token) -> (bytesReceived: UInt64, bytesSent: UInt64)

  /// Bytes that the peer has not taken yet: those, and what the kernel holds.
  func untakenBytes(on token: Token) -> Int

  /// Who has connected a Unix socket; nil for any other.
  func peerCredentials(of token: Token) -> PeerCredentials?

  /// Nothing is received until resumed; a break of the connection is reported all the same.
  mutating func pauseReceiving(on token: Token)
  mutating func resumeReceiving(on token: Token)

  /// Sends FIN once the queue is empty. Nothing may be sent after it.
  mutating func shutdownWrite(on token: Token)

  /// Closes the socket, or ends the watch or the timer, at once. No completion follows; the token is stale.
  ///
  /// What the kernel still holds of its output is sent on, for a while, or
  /// discarded: a peer that doesn't read would make it keep that for minutes.
  mutating func close(_ token: Token, discardingOutput: Bool)

  /// Sets or moves the socket's timer.
  mutating func setTimer(on token: Token, after milliseconds: UInt64)
  mutating func cancelTimer(on token: Token)

  /// A token with only a timer, for deadlines of the owner's.
  mutating func makeTimer() -> Token
}

/// Wakes an event loop from any thread. Several wake-ups may become one completion.
package struct Waker: Sendable {
  private let event: SharedDescriptor

  init(duplicating descriptor: Int32) throws(SystemError) {
    event = SharedDescriptor(try FileDescriptor(duplicating: descriptor))
  }

  package func wake() {
    var one: UInt64 = 1
    // An eventfd that is full has woken the loop already.
    // SAFETY: eight bytes are read.
    _ = unsafe write(event.descriptor.rawValue, &one, 8)
  }

  private final class SharedDescriptor: Sendable {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  }
}
