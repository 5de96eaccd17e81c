internal import SystemIO
internal import WebSocketClient
internal import WebSocketCore

// What comes from the keyboard, or another program.

extension ConnectSession {
  /// Takes input as long as there is some and the server takes it. A person may type
  /// ahead, and can always interrupt.
  mutating func passOnInput(in clients: inout Clients) {
    sendWaiting(in: &clients)
    while status == nil, keyboard.isEditing || (!inputHasEnded && waiting.isEmpty) {
      let wishes = keyboard.takeWishes(&screen)
      if wishes.isEmpty { return }
      for wish in wishes { handle(wish, in: &clients) }
      sendWaiting(in: &clients)
    }
  }

  private mutating func handle(_ wish: Keyboard.Wish, in clients: inout Clients) {
    switch wish {
    case .send(let line):
      accept(line)
    case .refuse:
      screen.complain("a line of over \(options.lineBytesMax) bytes was not sent")
      hasRefused = true
    case .interrupt:
      leave(.interrupted, in: &clients)
    case .end:
      inputHasEnded = true
    }
  }

  private mutating func accept(_ line: [UInt8]) {
    if options.kind == .text && !isValidUTF8(line.span) {
      screen.complain("a line that is not UTF-8 was not sent; --binary sends it as it is")
      hasRefused = true
      return
    }
    waiting.append(line)
    if keyboard.isEditing && openToken == nil {
      screen.tell("not connected; it is sent once we are")
    }
  }

  /// Sends as much as the server takes. When the input has ended, and all is sent, that
  /// is the end, unless we are to wait.
  private mutating func sendWaiting(in clients: inout Clients) {
    guard leaving == nil, status == nil else { return }
    switch link {
    case .open(let token):
      var sent = 0
      while sent < waiting.count, clients.queuedBytes(on: token) < Self.queuedBytesMax {
        let line = waiting[sent]
        clients.send(options.kind, line.span, on: token)
        sent += 1
      }
      waiting.removeFirst(sent)
      if !waiting.isEmpty || !inputHasEnded { return }
      if options.waitMilliseconds == 0 {
        leave(.closed, in: &clients)
      } else {
        startPatience(in: &clients)
      }
    case .pausing:
      if !waiting.isEmpty || !inputHasEnded { return }
      if options.waitMilliseconds == 0 {
        finish(lastResult)
      } else if hasBeenOpen {
        startPatience(in: &clients)
      }
    case .none, .lookingUp, .opening:
      break
    }
  }

  /// All is sent: from now on so long, over all connections.
  private mutating func startPatience(in clients: inout Clients) {
    if isPatient { return }
    isPatient = true
    clients.setTimer(patienceTimer, after: options.waitMilliseconds)
  }
}
