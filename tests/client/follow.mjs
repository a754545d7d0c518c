// Reads one stream with the client that the wheel carries, and says what it got, a JSON line each.
// node follow.mjs MODULE API REQUEST
const [, , module, api, request] = process.argv;
const { Headrace } = await import(module);
const client = new Headrace({ api, patience: { first: 1, most: 20, giveUpAfter: 20000, idle: 10000 } });
const stream = client.chat(JSON.parse(request));
for await (const event of stream) console.log(JSON.stringify({ position: stream.position, event }));
console.log(JSON.stringify({ id: stream.id }));
