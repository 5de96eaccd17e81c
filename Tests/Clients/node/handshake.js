// Versions, extensions, subprotocols, origins. Arguments: a server with default
// settings, one that knows the subprotocol chat.v1.
'use strict';
const { assert, main, open, refusal } = require('./helpers.js');

main(async (base, withSubprotocol) => {
  const http = base.replace('ws:', 'http:');

  // Offered, as `ws` does by itself, and declined.
  const compressed = await open(`${base}/echo`, [], { perMessageDeflate: { threshold: 0 } });
  assert.equal(compressed.extensions, '');
  compressed.send('x'.repeat(10000));
  assert.equal(await compressed.next(), 'x'.repeat(10000));
  const plain = await open(`${base}/echo`, [], { perMessageDeflate: false });
  assert.equal(plain.extensions, '');

  for (const protocolVersion of [8, 13]) {
    const options = (origin) => ({ protocolVersion, origin });
    // Version 8 says Sec-WebSocket-Origin instead of Origin.
    await open(`${base}/echo`, [], options(http));
    assert.equal(await refusal(`${base}/echo`, [], options('https://evil.example')), 403);

    const chosen = await open(`${withSubprotocol}/echo`, ['other', 'chat.v1'], { protocolVersion });
    assert.equal(chosen.protocol, 'chat.v1');
  }

  assert.equal(await refusal(`${base}/nowhere`), 404);
  assert.equal(await refusal(`${base}/channels/%00`), 400);
});
