internal import HTTPCore
internal import SystemIO
internal import TLS

// TLS is one step between the loop's bytes and everything else: what comes in is
// decrypted before it is looked at, what goes out is encrypted last.

/// A connection's TLS session.
final class TLSLayer {
  var session: TLSSession

  init(_ session: consuming TLSSession) {
    self.session = session
  }
}

extension Worker where Loop: ~Copyable {
  /// Everything that is sent goes through here.
  mutating func transmit(_ chunk: ByteChunk, _ range: Range<Int>, to token: Token) {
    let slot = Int(token.slot)
    // The slot may be another connection's by now.
    guard certificates != nil, connections.contains(slot), connections[slot].token == token,
      connections[slot].speaksTLS
    else {
      loop.send(chunk, range, on: token)
      return
    }
    guard let layer = connections[slot].tls else { return }
    do throws(TLSError) {
      try layer.session.write(chunk.span.extracting(range))
    } catch {
      // The session is over, which its next read will report, or has reported.
      return
    }
    sendTLSOutput(to: token)
  }

  /// Decrypts what has come, and hands it on.
  mutating func receiveTLS(
    _ received: Span<UInt8>, from start: Int, on token: Token
  ) {
    let slot = Int(token.slot)
    guard connections[slot].stage == .active, start < received.count,
      let layer = connections[slot].tls ?? certificates?.makeLayer(tlsEngine)
    else { return }
    connections[slot].tls = layer
    var position = start
    var outcome = TLSReadOutcome.needsInput
    var failure: TLSError? = nil
    plaintext.append(
      atMost: TLSSession.plaintextBytesMax(ciphertextBytes: received.count - start)
    ) { output in
      do throws(TLSError) {
        outcome = try layer.session.read(received, from: &position, into: &output)
      } catch {
        failure = error
      }
    }
    sendTLSOutput(to: token)
    if plaintext.count > 0 {
      let plaintext = self.plaintext
      var span = plaintext.mutableSpan
      receivePlain(&span, from: 0, on: token)
    }
    recycle(&plaintext)
    guard connections.contains(slot) else { return }
    if let failure {
      tlsFailed(failure, on: token)
    } else if outcome == .closed {
      if connections[slot].isPaused {
        connections[slot].endsAfterHeld = true
      } else {
        endOfStream(token)
      }
    }
  }

  private mutating func sendTLSOutput(to token: Token) {
    let count = tlsEngine.outputBytes
    if count == 0 { return }
    ciphertext.append(atMost: count) { output in tlsEngine.moveOutput(into: &output) }
    loop.send(ciphertext, 0..<ciphertext.count, on: token)
    recycle(&ciphertext)
  }

  private mutating func tlsFailed(_ error: TLSError, on token: Token) {
    count(.tlsError, error.description, on: token)
    if error == .plainHTTP {
      // The only thing that is ever sent in the clear on such a connection, which
      // has nothing to hide yet.
      connections[Int(token.slot)].speaksTLS = false
      reject(.badRequest, "this port speaks TLS: use https:// or wss://", on: token)
    } else {
      finish(token, lingers: true)
    }
  }

  /// close_notify, so that the peer can tell an end from a cut (RFC 8446 §6.1).
  mutating func shutdownTLS(_ token: Token) {
    guard let layer = connections[Int(token.slot)].tls else { return }
    layer.session.shutdown()
    sendTLSOutput(to: token)
  }
}
