// Text stays text, binary stays binary, whatever the size; with every protocol
// version that `ws` speaks.
'use strict';
const { assert, main, open } = require('./helpers.js');

main(async (base, version) => {
  const socket = await open(`${base}/echo`, [], { protocolVersion: Number(version) });
  const messages = [
    'hello',
    '',
    'grüße 🚣 \u0000',
    'x'.repeat(1 << 20),
    Buffer.alloc(0),
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    Buffer.alloc(1 << 20, 'binary'),
  ];
  for (const message of messages) socket.send(message);
  for (const message of messages) assert.deepEqual(await socket.next(), message);

  socket.send('one ', { fin: false });
  socket.send('two ', { fin: false });
  socket.send('three', { fin: true });
  assert.equal(await socket.next(), 'one two three');

  socket.close();
  assert.equal((await socket.closed).code, 1005);
});
