internal import FleetCore
internal import SystemIO

/// A listener that this process was started with, by the number of its descriptor.
package struct InheritedListener: Sendable {
  /// The index of its address in the configuration.
  package let address: Int
  package let descriptor: Int32

  package init(address: Int, descriptor: Int32) {
    self.address = address
    self.descriptor = descriptor
  }
}

/// A listener that is attended to.
struct AttendedListener {
  /// Whose it is; nil for one that all workers share.
  let slot: SlotID?
  let speaksTLS: Bool
  /// Once its queue is empty, the coordinator is told.
  var isAwaited = false
}

extension Worker where Loop: ~Copyable {
  /// Accepts on everything that was inherited.
  mutating func startAccepting() {
    for listener in inherited {
      if case .unix = endpoints[listener.address].address {
        shared.append(listener)
      } else {
        attend(
          FileDescriptor(owning: listener.descriptor), address: listener.address, slot: slot)
      }
    }
    inherited = []
    attendShared()
  }

  /// On duplicates: the descriptors stay, for a drain that is cancelled.
  mutating func attendShared() {
    for listener in shared {
      do throws(SystemError) {
        attend(
          try FileDescriptor(duplicating: listener.descriptor), address: listener.address,
          slot: nil)
      } catch {
        control.send(.failed("cannot listen on \(endpoints[listener.address].address): \(error)"))
      }
    }
  }

  /// Held and not attended to, they would go on taking connections that nobody accepts.
  mutating func closeInherited() {
    for listener in inherited { _ = FileDescriptor(owning: listener.descriptor) }
    inherited = []
  }

  /// Accepts on a slot's listeners, which have come in the order of the TCP addresses.
  mutating func adopt(_ slot: SlotID, _ descriptors: consuming ReceivedDescriptors) {
    var descriptors = descriptors
    for address in endpoints.indices {
      if case .unix = endpoints[address].address { continue }
      guard let descriptor = descriptors.next() else {
        control.send(.failed("a descriptor of slot \(slot) has not come"))
        return
      }
      attend(descriptor, address: address, slot: slot)
    }
  }

  private mutating func attend(
    _ descriptor: consuming FileDescriptor, address: Int, slot: SlotID?
  ) {
    do throws(SystemError) {
      let listener = try Listener(inheriting: descriptor, isShared: slot == nil)
      let index = try loop.listen(on: listener)
      attended[index] = AttendedListener(slot: slot, speaksTLS: endpoints[address].speaksTLS)
    } catch {
      control.send(.failed("cannot listen on \(endpoints[address].address): \(error)"))
    }
  }

  /// Accepts what is queued for this slot, and attends to its listeners no longer.
  ///
  /// `tells`: the coordinator waits for the end of it.
  mutating func stopAccepting(_ slot: SlotID, tells: Bool) {
    var isAny = false
    for (index, listener) in attended where listener.slot == slot {
      isAny = true
      attended[index]?.isAwaited = tells
      loop.stopListening(on: index)
    }
    if !isAny && tells { control.send(.queueEmpty(slot)) }
  }

  mutating func stoppedListening(_ index: Int) {
    guard let listener = attended.removeValue(forKey: index) else { return }
    guard let slot = listener.slot, listener.isAwaited else { return }
    if !attended.values.contains(where: { $0.slot == slot }) {
      control.send(.queueEmpty(slot))
    }
  }
}
