/// A status code (RFC 9110 §15).
package struct HTTPStatus: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: UInt16

  /// Traps on a code outside 100…599: only these have a meaning (RFC 9110 §15).
  package init(rawValue: UInt16) {
    precondition((100...599).contains(rawValue), "not a status code")
    self.rawValue = rawValue
  }

  package static let `continue` = HTTPStatus(rawValue: 100)
  package static let switchingProtocols = HTTPStatus(rawValue: 101)
  package static let ok = HTTPStatus(rawValue: 200)
  package static let created = HTTPStatus(rawValue: 201)
  package static let accepted = HTTPStatus(rawValue: 202)
  package static let noContent = HTTPStatus(rawValue: 204)
  package static let movedPermanently = HTTPStatus(rawValue: 301)
  package static let found = HTTPStatus(rawValue: 302)
  package static let seeOther = HTTPStatus(rawValue: 303)
  package static let notModified = HTTPStatus(rawValue: 304)
  package static let temporaryRedirect = HTTPStatus(rawValue: 307)
  package static let permanentRedirect = HTTPStatus(rawValue: 308)
  package static let badRequest = HTTPStatus(rawValue: 400)
  package static let unauthorized = HTTPStatus(rawValue: 401)
  package static let forbidden = HTTPStatus(rawValue: 403)
  package static let notFound = HTTPStatus(rawValue: 404)
  package static let methodNotAllowed = HTTPStatus(rawValue: 405)
  package static let requestTimeout = HTTPStatus(rawValue: 408)
  package static let conflict = HTTPStatus(rawValue: 409)
  package static let lengthRequired = HTTPStatus(rawValue: 411)
  package static let contentTooLarge = HTTPStatus(rawValue: 413)
  package static let uriTooLong = HTTPStatus(rawValue: 414)
  package static let unsupportedMediaType = HTTPStatus(rawValue: 415)
  package static let expectationFailed = HTTPStatus(rawValue: 417)
  package static let misdirectedRequest = HTTPStatus(rawValue: 421)
  package static let unprocessableContent = HTTPStatus(rawValue: 422)
  package static let upgradeRequired = HTTPStatus(rawValue: 426)
  package static let tooManyRequests = HTTPStatus(rawValue: 429)
  package static let requestHeaderFieldsTooLarge = HTTPStatus(rawValue: 431)
  package static let internalServerError = HTTPStatus(rawValue: 500)
  package static let notImplemented = HTTPStatus(rawValue: 501)
  package static let badGateway = HTTPStatus(rawValue: 502)
  package static let serviceUnavailable = HTTPStatus(rawValue: 503)
  package static let gatewayTimeout = HTTPStatus(rawValue: 504)
  package static let httpVersionNotSupported = HTTPStatus(rawValue: 505)

  /// 1xx: another response to the same request follows, except after 101.
  package var isInformational: Bool { rawValue < 200 }

  /// The registered phrase, or an empty string for a code without a name here.
  package var reasonPhrase: String {
    switch rawValue {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: ""
    }
  }

  package var description: String {
    let phrase = reasonPhrase
    return phrase.isEmpty ? "\(rawValue)" : "\(rawValue) \(phrase)"
  }
}
