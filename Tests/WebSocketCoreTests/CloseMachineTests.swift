import Testing
import WebSocketCore

/// What can happen to a connection's end.
private enum Input: CaseIterable {
  case close, closeWithoutCode, peerClosed, peerClosedWithoutCode, fail

  func put(into machine: inout CloseMachine) -> CloseMachine.Action {
    switch self {
    case .close: machine.close(.goingAway)
    case .closeWithoutCode: machine.close(nil)
    case .peerClosed: machine.peerClosed(.normalClosure)
    case .peerClosedWithoutCode: machine.peerClosed(nil)
    case .fail: machine.fail(.protocolError)
    }
  }
}

@Suite("The closing handshake (RFC 6455 §1.4, §5.5.1, §7.1)")
struct CloseMachineTests {
  /// A machine in each state, by the way that leads there.
  private static func machine(_ state: CloseMachine.State) -> CloseMachine {
    var machine = CloseMachine()
    switch state {
    case .open: break
    case .closeSent: _ = machine.close(.normalClosure)
    case .closing: _ = machine.peerClosed(.normalClosure)
    }
    #expect(machine.state == state)
    return machine
  }

  private struct Step {
    let state: CloseMachine.State
    let input: Input
    let action: CloseMachine.Action
    let next: CloseMachine.State
  }

  private static let table = [
    // We close first.
    Step(state: .open, input: .close, action: .sendClose(.goingAway), next: .closeSent),
    Step(state: .open, input: .closeWithoutCode, action: .sendClose(nil), next: .closeSent),
    // The peer does, and hears its own code.
    Step(
      state: .open, input: .peerClosed, action: .sendCloseAndFinish(.normalClosure),
      next: .closing),
    Step(
      state: .open, input: .peerClosedWithoutCode, action: .sendCloseAndFinish(nil),
      next: .closing),
    Step(state: .open, input: .fail, action: .sendCloseAndFinish(.protocolError), next: .closing),
    // We have closed: one close frame is all that we may send.
    Step(state: .closeSent, input: .close, action: .none, next: .closeSent),
    Step(state: .closeSent, input: .closeWithoutCode, action: .none, next: .closeSent),
    Step(state: .closeSent, input: .peerClosed, action: .finish, next: .closing),
    Step(state: .closeSent, input: .peerClosedWithoutCode, action: .finish, next: .closing),
    Step(state: .closeSent, input: .fail, action: .finish, next: .closing),
    // Everything is said.
    Step(state: .closing, input: .close, action: .none, next: .closing),
    Step(state: .closing, input: .closeWithoutCode, action: .none, next: .closing),
    Step(state: .closing, input: .peerClosed, action: .none, next: .closing),
    Step(state: .closing, input: .peerClosedWithoutCode, action: .none, next: .closing),
    Step(state: .closing, input: .fail, action: .none, next: .closing),
  ]

  @Test("every input in every state")
  func everyStep() {
    #expect(Self.table.count == 3 * Input.allCases.count)
    for step in Self.table {
      var machine = Self.machine(step.state)
      #expect(step.input.put(into: &machine) == step.action, "\(step.input) when \(step.state)")
      #expect(machine.state == step.next, "after \(step.input) when \(step.state)")
    }
  }

  @Test("messages may be sent only before our close frame")
  func maySend() {
    #expect(Self.machine(.open).maySend)
    #expect(!Self.machine(.closeSent).maySend)
    #expect(!Self.machine(.closing).maySend)
  }

  @Test("whatever happens in whatever order: one close frame, one end, and nothing after it")
  func everySequence() {
    var sequences: [[Input]] = [[]]
    for _ in 0..<5 {
      sequences = sequences.flatMap { sequence in Input.allCases.map { sequence + [$0] } }
    }
    for sequence in sequences {
      var machine = CloseMachine()
      var closesSent = 0
      var ends = 0
      for input in sequence {
        let action = input.put(into: &machine)
        if ends > 0 { #expect(action == .none, "\(sequence)") }
        switch action {
        case .none: break
        case .sendClose: closesSent += 1
        case .finish: ends += 1
        case .sendCloseAndFinish:
          closesSent += 1
          ends += 1
        }
        #expect((machine.state == .closing) == (ends == 1))
        #expect(machine.maySend == (closesSent == 0))
      }
      #expect(closesSent == 1 && ends <= 1, "\(sequence)")
    }
  }
}
