import HTTPCore

/// A head as read from the wire, to be compared.
struct ReadHead: Equatable {
  var consumed: Int
  var summary: String
  var fields: [UInt8]
}

/// The heads of a stream, one after the other, and the error that ended it.
struct ReadHeads: Equatable {
  var heads: [ReadHead] = []
  var consumed = 0
  var isEmpty = true
  var error: HTTPError?
}

func readRequests(
  _ pieces: [[UInt8]], _ limits: HTTPLimits, each: (RequestHead) -> Void = { _ in }
) -> ReadHeads {
  var parser = RequestHeadParser(limits: limits)
  var outcome = ReadHeads()
  for piece in pieces {
    var rest = piece
    repeat {
      do throws(HTTPError) {
        let (consumed, head) = try parser.parse(rest.span)
        expect(consumed == rest.count || head != nil, "stops without a head")
        outcome.consumed += consumed
        rest = Array(rest.dropFirst(consumed))
        guard let head else { break }
        each(head)
        var fields: [UInt8] = []
        head.headers.append(to: &fields)
        outcome.heads.append(
          ReadHead(consumed: outcome.consumed, summary: summary(head), fields: fields))
      } catch {
        outcome.error = error
        outcome.consumed = 0
        return outcome
      }
    } while !rest.isEmpty
  }
  outcome.isEmpty = parser.isEmpty
  return outcome
}

func readResponses(
  _ pieces: [[UInt8]], _ limits: HTTPLimits, each: (ResponseHead) -> Void = { _ in }
) -> ReadHeads {
  var parser = ResponseHeadParser(limits: limits)
  var outcome = ReadHeads()
  for piece in pieces {
    var rest = piece
    repeat {
      do throws(HTTPError) {
        let (consumed, head) = try parser.parse(rest.span)
        expect(consumed == rest.count || head != nil, "stops without a head")
        outcome.consumed += consumed
        rest = Array(rest.dropFirst(consumed))
        guard let head else { break }
        each(head)
        var fields: [UInt8] = []
        head.headers.append(to: &fields)
        outcome.heads.append(
          ReadHead(
            consumed: outcome.consumed, summary: "\(head.version) \(head.status)", fields: fields))
      } catch {
        outcome.error = error
        outcome.consumed = 0
        return outcome
      }
    } while !rest.isEmpty
  }
  outcome.isEmpty = parser.isEmpty
  return outcome
}

func summary(_ head: RequestHead) -> String {
  """
  \(head.method) \(head.target) \(head.path) \(head.query ?? "-") \(head.version) \
  \(head.host ?? "-") \(head.bodyFraming) \(head.keepAlive) \(head.expectsContinue)
  """
}

/// That a list has nothing in it that could split a message.
func expectClean(_ fields: HeaderFields) {
  for (name, value) in fields {
    expect(name.utf8.isToken, "field name \(name.debugDescription)")
    let isClean = value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    expect(isClean, "field value \(value.debugDescription)")
  }
}

/// Generous enough for whatever is put together from a fuzzer's input.
let wideLimits = HTTPLimits(headBytesMax: 1 << 20, headerFieldsMax: 10_000)
