internal import HTTPCore

/// The chat page at `/`, kept as a file of its own in Resources.
enum ChatPage {
  static let body = PackageResources.chat_html

  /// The page runs its own script and talks to its own host, and nothing else.
  static let headers: HeaderFields = [
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Content-Security-Policy":
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
      + "connect-src 'self'; base-uri 'none'; form-action 'none'; "
      + "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  ]
}
