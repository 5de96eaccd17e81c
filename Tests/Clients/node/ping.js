// Pings from the client are answered; `ws` answers the server's by itself, which
// keeps it connected for longer than a client that does not.
'use strict';
const { assert, main, once, open } = require('./helpers.js');

main(async (base) => {
  const socket = await open(`${base}/channels/ping?echo=1`);
  for (const payload of ['', 'are you there', 'x'.repeat(125)]) {
    socket.ping(payload);
    const [pong] = await once(socket, 'pong');
    assert.equal(pong.toString(), payload);
  }

  const mute = await open(`${base}/channels/ping`);
  // This version of `ws` has no option for it.
  mute._receiver.removeAllListeners('ping');
  await mute.closed;

  assert.equal(socket.readyState, socket.OPEN);
  socket.send('still here');
  assert.equal(await socket.next(), 'still here');
});
