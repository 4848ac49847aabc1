// A Celery client for Node that nobody here wrote (celery-ts, unmodified), and all that is said on the channels of results
// while it works: node tests/celery/node.mjs REDIS_URL. It begins when the key "begin" is there.
import assert from 'node:assert'
import celery from 'celery-ts'
import Redis from 'ioredis'

const url = process.argv[2]
const heard = []
const ear = new Redis(url)
await ear.psubscribe('celery-task-meta-*')
ear.on('pmessage', (pattern, channel, text) => heard.push({ channel, text }))
const client = celery.createClient({ brokerUrl: url, resultBackend: url })
const redis = new Redis(url)

function ask(name, args, kwargs = {}, options = {}) {
  const task = client.createTask('tasks.diagnostics.' + name)
  return task.applyAsync({ args, kwargs, queue: 'sync', ...options }).get(30000)
}

// It gives a failure out as if it were a result: what Celery keeps of an exception.
async function work() {
  assert.deepStrictEqual(await Promise.all([ask('add', [1, 2]), ask('add', [0.5, -1])]), [3, -0.5])
  const odd = { n: 'ä\u{1f6aa}"\\\u0001', list: [null, true, 1.5, {}] }
  assert.deepStrictEqual(await ask('echo', [], odd), odd)
  assert.strictEqual(await ask('noop', []), null)
  const failure = await ask('fail', ['as asked', 0])
  assert.deepStrictEqual(failure, { exc_type: 'ValueError', exc_message: ['as asked'], exc_module: 'builtins' })
  assert.strictEqual((await ask('add', ['a', 1])).exc_type, 'TypeError')
  const { Gzip, Zlib } = celery.Compressor
  for (const compression of [Gzip, Zlib].filter((c) => c !== undefined))
    assert.deepStrictEqual(await ask('echo', [], { n: 'x'.repeat(5000) }, { compression }), { n: 'x'.repeat(5000) })
  const begun = Date.now()
  assert.deepStrictEqual(await ask('echo', [], { n: 1 }, { eta: new Date(begun + 1200) }), { n: 1 })
  assert.ok(Date.now() - begun >= 1100, 'it ran before its time')
  const late = await ask('echo', [], { n: 1 }, { expires: new Date(begun - 5000) })
  assert.strictEqual(late.exc_type, 'TaskRevokedError')
  assert.strictEqual(await ask('add', [2, 2], {}, { priority: 9 }), 4)
}

function all_is_of_tasks() {
  const id = /^celery-task-meta-([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/
  for (const { channel, text } of heard) {
    assert.match(channel, id)
    assert.strictEqual(JSON.parse(text).task_id, channel.match(id)[1])
  }
  assert.ok(heard.length >= 10, `${heard.length} results were told`)
}

console.log('listening')
while (!(await redis.get('begin'))) await new Promise((done) => setTimeout(done, 20))
await work()
all_is_of_tasks()
console.log(`${heard.length} were told, all is well`)
process.exit(0)
