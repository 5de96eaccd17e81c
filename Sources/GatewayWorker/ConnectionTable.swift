internal import SystemIO

/// Connections by slot, at addresses that do not change.
@safe struct ConnectionTable: ~Copyable {
  private static let blockCount = 256

  private var blocks: [UnsafeMutablePointer<Connection>] = unsafe []
  /// Which elements of the blocks are initialized.
  private var isTaken: [Bool] = []
  private(set) var count = 0

  deinit {
    for slot in isTaken.indices where isTaken[slot] {
      unsafe address(of: slot).deinitialize(count: 1)
    }
    for index in unsafe blocks.indices { unsafe blocks[index].deallocate() }
  }

  mutating func insert(_ connection: consuming Connection) {
    let slot = Int(connection.token.slot)
    while isTaken.count <= slot {
      unsafe blocks.append(.allocate(capacity: Self.blockCount))
      isTaken.append(contentsOf: repeatElement(false, count: Self.blockCount))
    }
    precondition(!isTaken[slot])
    unsafe address(of: slot).initialize(to: connection)
    isTaken[slot] = true
    count += 1
  }

  mutating func remove(_ slot: Int) {
    precondition(isTaken[slot])
    unsafe address(of: slot).deinitialize(count: 1)
    isTaken[slot] = false
    count -= 1
  }

  func contains(_ slot: Int) -> Bool {
    slot < isTaken.count && isTaken[slot]
  }

  /// The slots of all connections, for the rare walks over everything.
  func slots() -> [Int] {
    isTaken.indices.filter { isTaken[$0] }
  }

  /// The connection in this slot, which must be taken.
  subscript(_ slot: Int) -> Connection {
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
  @unsafe private func address(of slot: Int) -> UnsafeMutablePointer<Connection> {
    unsafe blocks[slot / Self.blockCount] + slot % Self.blockCount
  }
}
