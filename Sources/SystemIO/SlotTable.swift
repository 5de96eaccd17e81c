/// What an event loop's owner keeps for each of its sockets, by the slot of their
/// tokens, at addresses that do not change.
///
/// Public, and its members inlinable: the tables are asked several times for every
/// message, and a generic type that other modules can't specialize (which `package`
/// doesn't let them) took a quarter of the time of a busy client.
@frozen @safe public struct SlotTable<Element: ~Copyable>: ~Copyable {
  @usableFromInline static var blockCount: Int {
    @inlinable get { 256 }
  }

  @usableFromInline var blocks: [UnsafeMutablePointer<Element>] = unsafe []
  /// Which elements of the blocks are initialized.
  @usableFromInline var isTaken: [Bool] = []
  @usableFromInline var takenCount = 0

  /// Empty, and without memory.
  @inlinable public init() {}

  @inlinable deinit {
    for slot in isTaken.indices where isTaken[slot] {
      unsafe address(of: slot).deinitialize(count: 1)
    }
    for index in unsafe blocks.indices { unsafe blocks[index].deallocate() }
  }

  /// How many slots are taken.
  @inlinable public var count: Int { takenCount }

  /// The slot must be free.
  @inlinable public mutating func insert(_ element: consuming Element, at slot: Int) {
    while isTaken.count <= slot {
      unsafe blocks.append(.allocate(capacity: Self.blockCount))
      isTaken.append(contentsOf: repeatElement(false, count: Self.blockCount))
    }
    precondition(!isTaken[slot])
    unsafe address(of: slot).initialize(to: element)
    isTaken[slot] = true
    takenCount += 1
  }

  /// The slot must be taken.
  @inlinable public mutating func remove(_ slot: Int) {
    precondition(isTaken[slot])
    unsafe address(of: slot).deinitialize(count: 1)
    isTaken[slot] = false
    takenCount -= 1
  }

  /// Whether the slot is taken.
  @inlinable public func contains(_ slot: Int) -> Bool {
    slot < isTaken.count && isTaken[slot]
  }

  /// All slots that are taken, for the rare walks over everything.
  @inlinable public func slots() -> [Int] {
    isTaken.indices.filter { isTaken[$0] }
  }

  /// The element in this slot, which must be taken.
  @inlinable public subscript(_ slot: Int) -> Element {
    _read {
      precondition(isTaken[slot])
      yield unsafe address(of: slot).pointee
    }
    _modify {
      precondition(isTaken[slot])
      yield unsafe &address(of: slot).pointee
    }
  }

  /// SAFETY: within the blocks, as the callers have checked; initialized if taken.
  @inlinable @unsafe func address(of slot: Int) -> UnsafeMutablePointer<Element> {
    unsafe blocks[slot / Self.blockCount] + slot % Self.blockCount
  }
}
