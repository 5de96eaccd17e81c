// Close codes and reasons; terminate() on this side. Argument 2: a server that
// takes messages of 1 KiB.
'use strict';
const { assert, main, open } = require('./helpers.js');

main(async (base, small) => {
  for (const [code, reason] of [
    [1000, ''],
    [1001, 'going'],
    [3000, 'grüße 🚣'],
    [4999, 'x'.repeat(123)],
  ]) {
    const socket = await open(`${base}/echo`);
    socket.close(code, reason);
    assert.equal((await socket.closed).code, code);
  }

  const big = await open(`${small}/echo`);
  big.send(Buffer.alloc(1025));
  assert.equal((await big.closed).code, 1009);

  // One that vanishes is gone from its channel, and nobody else minds.
  const [one, gone, other] = await Promise.all(
    Array.from({ length: 3 }, () => open(`${base}/channels/close`)),
  );
  gone.terminate();
  assert.equal((await gone.closed).code, 1006);
  one.send('hello');
  assert.equal(await other.next(), 'hello');
});
