import HTTPCore

/// Every way in which the tests cut an input into pieces: whole, byte by byte, and in two at every
/// point. The outcome must not depend on it.
func cuts(of bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
  var all = [[bytes[...]], bytes.indices.map { bytes[$0...$0] }]
  for point in bytes.indices.dropFirst() {
    all.append([bytes[..<point], bytes[point...]])
  }
  return all
}

/// Feeds the pieces until there is a head, an error, or no more input.
func feed(
  _ pieces: [ArraySlice<UInt8>], _ limits: HTTPLimits
) -> (consumed: Int, result: Result<RequestHead?, HTTPError>) {
  var parser = RequestHeadParser(limits: limits)
  var total = 0
  for piece in pieces {
    do throws(HTTPError) {
      let (consumed, head) = try parser.parse(piece.span)
      total += consumed
      if let head { return (total, .success(head)) }
    } catch {
      return (total, .failure(error))
    }
  }
  return (total, .success(nil))
}

func feedResponse(
  _ pieces: [ArraySlice<UInt8>], _ limits: HTTPLimits
) -> (consumed: Int, result: Result<ResponseHead?, HTTPError>) {
  var parser = ResponseHeadParser(limits: limits)
  var total = 0
  for piece in pieces {
    do throws(HTTPError) {
      let (consumed, head) = try parser.parse(piece.span)
      total += consumed
      if let head { return (total, .success(head)) }
    } catch {
      return (total, .failure(error))
    }
  }
  return (total, .success(nil))
}

/// All that a head says, as text.
func summary(_ head: RequestHead) -> String {
  """
  \(head.method) \(head.target) \(head.path) \(head.query ?? "-") \(head.version)
  \(head.host ?? "-") \(head.bodyFraming) \(head.keepAlive) \(head.expectsContinue)
  \(head.headers)
  """
}
