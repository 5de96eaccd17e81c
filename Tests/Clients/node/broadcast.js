// The examples of `ws`: broadcast to everyone else, and to everyone; members
// with different protocol versions in one channel.
'use strict';
const { assert, main, open } = require('./helpers.js');

main(async (base) => {
  const url = `${base}/channels/${encodeURIComponent('grüße 🚣')}`;
  const sender = await open(url);
  const others = await Promise.all([8, 13, 13].map((v) => open(url, [], { protocolVersion: v })));
  const loud = await open(`${url}?echo=1`);

  sender.send('hello');
  sender.send(Buffer.from([0, 255]));
  for (const member of [...others, loud]) {
    assert.equal(await member.next(), 'hello');
    assert.deepEqual(await member.next(), Buffer.from([0, 255]));
  }

  loud.send('to everyone');
  // Its own messages would have come to the sender before this one.
  for (const member of [sender, ...others, loud]) {
    assert.equal(await member.next(), 'to everyone');
  }
});
