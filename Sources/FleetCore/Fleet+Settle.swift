/// What has to be, given what is: called after every input.
extension Fleet {
  mutating func settle(at now: UInt64) {
    reopenDue(at: now)
    attend()
    announceDrains(at: now)
    abandonQueues(at: now)
    closeSlots()
    steer()
    // After the rest: whoever waits in a queue waits for a sibling, not for a process.
    startWorkers(at: now)
    advanceOperation(at: now)
    executeIfChecked()
    exitIfOver()
  }

  private mutating func startWorkers(at now: UInt64) {
    guard keepsWorkers else { return }
    for index in slots.indices {
      let slot = slots[index]
      guard slot.isOpen, !slot.isStopped, !slot.isRetiring, slot.worker == nil,
        now >= slot.restartAt ?? 0
      else { continue }
      slots[index].restartAt = nil
      slots[index].worker = spawn(for: slot.id, at: now)
    }
  }
}

/// Who attends which listeners, and where new connections go.
extension Fleet {
  /// Whoever takes listeners over has them before new connections are steered, and before
  /// whoever had them lets go: at no moment does nobody accept.
  private mutating func attend() {
    var released: [(slot: SlotID, by: WorkerID)] = []
    for index in slots.indices {
      let slot = slots[index]
      let attendant = attendant(for: slot)
      if attendant == slot.attendant { continue }
      slots[index].attendant = attendant
      if let old = slot.attendant, isServing(old) {
        released.append((slot.id, old))
      }
      if case .emptying(let deadline, _) = slot.listeners {
        slots[index].listeners = .emptying(deadline: deadline, isAsked: false)
      }
      if let attendant { handOver(slot.id, to: attendant) }
    }
    steer()
    for (slot, old) in released { send(.release(slot), to: old) }
    for index in slots.indices { acceptQueue(index) }
  }

  private func attendant(for slot: SlotRecord) -> WorkerID? {
    switch slot.listeners {
    case .opening, .emptied, .closed, .reopening, .reopenDue: return nil
    case .open:
      if isReady(slot.worker) { return slot.worker }
      return isReady(slot.attendant) ? slot.attendant : leastBurdened()
    case .emptying:
      return isServing(slot.attendant) ? slot.attendant : leastBurdened()
    }
  }

  /// The ready worker that attends the fewest slots; nil if none is ready.
  private func leastBurdened() -> WorkerID? {
    workers.filter(\.isReady).map(\.id).min { left, right in
      (burden(of: left), left.slot) < (burden(of: right), right.slot)
    }
  }

  private func burden(of id: WorkerID) -> Int {
    slots.count { $0.attendant == id }
  }

  private mutating func handOver(_ slot: SlotID, to id: WorkerID) {
    guard let index = index(of: id) else { return }
    if id.slot == slot, !workers[index].hasStarted {
      workers[index].hasStarted = true
      send(.start, to: id)
    } else {
      send(.adopt(slot), to: id)
    }
    if id.slot != slot { report(.slotAdopted(slot, by: id)) }
  }

  /// To the slots whose own worker attends them; only if there are none, to the others that
  /// are attended.
  private mutating func steer() {
    let attended = slots.filter { $0.isOpen && $0.attendant != nil }
    let own = attended.filter { $0.attendant == $0.worker }
    let chosen = own.isEmpty ? attended : own
    guard !chosen.isEmpty else { return }
    let wanted = Steering(
      slots: chosen.map(\.id),
      groupIndices: chosen.compactMap { listenOrder.firstIndex(of: $0.id) })
    if wanted == steering { return }
    steering = wanted
    actions.append(.steer(wanted))
  }
}

/// Opening and closing listeners.
extension Fleet {
  mutating func slotOpened(_ slot: SlotID) {
    guard hasSlot(slot) else { return }
    switch slots[slot.index].listeners {
    case .open, .emptying, .emptied, .closed, .reopenDue: return
    case .opening, .reopening: break
    }
    listenOrder.append(slot)
    // Should the gateway be ending, it is closed again at once.
    slots[slot.index].listeners = keepsWorkers ? .open : .emptied
    // A group may have begun anew, without the program that steers.
    steering = nil
  }

  mutating func slotOpenFailed(_ slot: SlotID, reason: String, at now: UInt64) {
    guard hasSlot(slot) else { return }
    switch slots[slot.index].listeners {
    case .open, .emptying, .emptied, .closed, .reopenDue: return
    case .opening:
      // Slots are opened one at a time: it is the last.
      slots.removeLast()
      if let stage = operation?.stage, case .scalingUp = stage {
        end(.failed("worker \(slot) can't listen: \(reason)"))
      }
    case .reopening:
      slots[slot.index].listeners =
        keepsWorkers ? .reopenDue(at: now.clampedAdding(policy.reopenMilliseconds)) : .closed
    }
    report(.slotOpenFailed(slot, reason: reason))
  }

  private mutating func reopenDue(at now: UInt64) {
    for index in slots.indices {
      guard case .reopenDue(let due) = slots[index].listeners else { continue }
      if !keepsWorkers {
        slots[index].listeners = .closed
      } else if now >= due {
        slots[index].listeners = .reopening
        actions.append(.openSlot(slots[index].id))
      }
    }
  }

  private mutating func acceptQueue(_ index: Int) {
    guard case .emptying(let deadline, false) = slots[index].listeners,
      let attendant = slots[index].attendant, let position = self.index(of: attendant)
    else { return }
    workers[position].unconfirmed[slots[index].id, default: 0] += 1
    slots[index].listeners = .emptying(deadline: deadline, isAsked: true)
    send(.stopAccepting(slots[index].id), to: attendant)
  }

  /// Every `stopAccepting` is answered once; when one was taken back meanwhile, only the
  /// last answer counts.
  mutating func queueEmpty(_ slot: SlotID, _ index: Int) {
    guard let waiting = workers[index].unconfirmed[slot] else { return }
    workers[index].unconfirmed[slot] = waiting > 1 ? waiting - 1 : nil
    guard waiting == 1, hasSlot(slot), slots[slot.index].attendant == workers[index].id,
      case .emptying(_, true) = slots[slot.index].listeners
    else { return }
    slots[slot.index].listeners = .emptied
    slots[slot.index].attendant = nil
  }

  /// Queues that nobody can accept, or that took too long.
  private mutating func abandonQueues(at now: UInt64) {
    for index in slots.indices {
      guard case .emptying(let deadline, _) = slots[index].listeners,
        now >= deadline || !keepsWorkers && slots[index].attendant == nil
      else { continue }
      if let attendant = slots[index].attendant { send(.release(slots[index].id), to: attendant) }
      slots[index].listeners = .emptied
      slots[index].attendant = nil
      report(.queueAbandoned(slots[index].id))
    }
  }

  /// Closing a listener moves the last of its group: so of slots that retire, the last goes
  /// first.
  private mutating func closeSlots() {
    for index in slots.indices.reversed() {
      guard case .emptied = slots[index].listeners else { continue }
      guard !keepsWorkers || !slots[(index + 1)...].contains(where: \.isHeld) else { continue }
      slots[index].listeners = .closed
      actions.append(.closeSlot(slots[index].id))
      guard let position = listenOrder.firstIndex(of: slots[index].id) else { continue }
      let last = listenOrder.removeLast()
      if position < listenOrder.count { listenOrder[position] = last }
    }
    while let last = slots.last, last.isRetiring, case .closed = last.listeners,
      !workers.contains(where: { $0.id.slot == last.id })
    {
      slots.removeLast()
    }
  }
}

/// Drains, and the end.
extension Fleet {
  private mutating func announceDrains(at now: UInt64) {
    for index in workers.indices {
      guard case .draining(let pid, let heard, var drain) = workers[index].state,
        !drain.isAnnounced, !drain.isFinished
      else { continue }
      send(
        .drain(drain.message(at: now, lead: policy.forceLeadMilliseconds)), to: workers[index].id)
      drain.isAnnounced = true
      workers[index].state = .draining(pid: pid, heard: heard, drain)
    }
  }

  private mutating func exitIfOver() {
    switch course {
    case .serving, .announced, .over: return
    case .draining(let drain), .closing(let drain):
      guard workers.isEmpty else { return }
      report(.operationEnded(drain.id, .drain(.all), .done))
    }
    course = .over
    actions.append(.exit(status: 0))
  }
}
