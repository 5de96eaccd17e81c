internal import Glibc

/// A growable buffer of bytes to send, shared by reference between all the
/// connections that it goes to. Filled by one owner; once it has been given to
/// ``EventLoop/send(_:_:on:)``, the owner may refill it only when
/// `isKnownUniquelyReferenced` says that no loop holds it any more.
@safe package final class ByteChunk {
  @unsafe private struct State {
    var storage: UnsafeMutablePointer<UInt8>
    var capacity: Int
    var count: Int
  }

  // Behind a pointer, because the properties of a class are checked for
  // overlapping access at run time, which showed as 5 % of a busy echo.
  private let state: UnsafeMutablePointer<State>

  package init(capacity: Int) {
    let capacity = max(capacity, 64)
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(
      to: State(
        storage: Self.allocated(malloc(capacity), capacity), capacity: capacity, count: 0))
  }

  deinit {
    unsafe free(state.pointee.storage)
    unsafe state.deallocate()
  }

  package var count: Int { unsafe state.pointee.count }
  package var capacity: Int { unsafe state.pointee.capacity }

  /// Appends through `body` what it writes into an output of at least `byteCount` bytes.
  package func append(atMost byteCount: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
    reserve(byteCount)
    let free = unsafe UnsafeMutableBufferPointer(
      start: state.pointee.storage + count, count: capacity - count)
    // SAFETY: these bytes are this object's and not initialized; `finalize` tells
    // how many `body` has initialized.
    var output = unsafe OutputSpan(buffer: free, initializedCount: 0)
    body(&output)
    unsafe state.pointee.count += output.finalize(for: free)
  }

  package func append(_ bytes: [UInt8]) {
    // SAFETY: an array and this storage do not overlap.
    unsafe bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { unsafe append(base, source.count) }
    }
  }

  /// Appends a part of another chunk.
  package func append(_ other: ByteChunk, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= other.count && other !== self)
    // SAFETY: the range was checked; two chunks do not overlap.
    unsafe append(other.address + range.lowerBound, range.count)
  }

  /// Its content, while it is neither appended to nor given up.
  package var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // SAFETY: `count` bytes are initialized and live as long as this object.
      let span = unsafe Span(_unsafeStart: UnsafePointer(address), count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The same, to be changed in place. Only while no loop holds the chunk.
  package var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(borrow self)
    get {
      // SAFETY: as for `span`; the owner sees to it that nobody else looks.
      let span = unsafe MutableSpan(_unsafeStart: address, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  package func removeAll() {
    unsafe state.pointee.count = 0
  }

  /// SAFETY: valid while the chunk lives and is not appended to.
  @unsafe var address: UnsafeMutablePointer<UInt8> { unsafe state.pointee.storage }

  /// SAFETY: the source does not overlap this chunk's storage.
  @unsafe private func append(_ source: UnsafeRawPointer, _ byteCount: Int) {
    reserve(byteCount)
    unsafe memcpy(address + count, source, byteCount)
    unsafe state.pointee.count += byteCount
  }

  private func reserve(_ byteCount: Int) {
    if capacity - count >= byteCount { return }
    let larger = max(2 * capacity, count + byteCount)
    unsafe state.pointee.storage = Self.allocated(realloc(address, larger), larger)
    unsafe state.pointee.capacity = larger
  }

  private static func allocated(
    _ pointer: UnsafeMutableRawPointer?, _ byteCount: Int
  ) -> UnsafeMutablePointer<UInt8> {
    guard let pointer = unsafe pointer else {
      fatalError("out of memory: \(byteCount) bytes")
    }
    return unsafe pointer.bindMemory(to: UInt8.self, capacity: byteCount)
  }
}

@available(*, unavailable)
extension ByteChunk: Sendable {}
