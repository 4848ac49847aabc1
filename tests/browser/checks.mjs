// What the tests of the pages stand on: waiting for a condition, the database, the queue, the simulator.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
const run = promisify(execFile);

export function check(condition, text) {
  if (!condition) throw new Error(text);
}
export function equal(got, expected, what) {
  check(got === expected, `${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
}

// Asks again until the answer is true; then gives it back. ms: what it takes at most on a quiet machine.
export async function until(what, question, ms = 30000) {
  const end = Date.now() + 3 * ms;
  let last;
  for (;;) {
    try { last = await question(); } catch (error) { last = undefined; if (Date.now() > end) throw error; }
    if (last) return last;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function sql(statement) {
  const { stdout } = await run('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', process.env.PG_URL, '-c', statement]);
  return stdout.trim();
}
export async function redis(...words) {
  const { stdout } = await run('redis-cli', ['-s', process.env.REDIS_SOCKET, ...words]);
  return stdout.trim();
}
export async function sim(path, body) {
  const answer = await fetch(`${process.env.SIM}${path}`, { method: 'POST', body: JSON.stringify(body) });
  check(answer.ok, `the simulator answered ${answer.status} to ${path}`);
  return answer.json();
}

// A task message as Celery's clients send it.
export function message(id, task, queue, args = [], kwargs = {}) {
  const body = Buffer.from(JSON.stringify([args, kwargs, { callbacks: null, errbacks: null, chain: null, chord: null }]));
  return JSON.stringify({
    body: body.toString('base64'), 'content-encoding': 'utf-8', 'content-type': 'application/json',
    headers: { lang: 'py', task, id, root_id: id, parent_id: null, group: null, retries: 0, eta: null, expires: null,
      timelimit: [null, null], argsrepr: '()', kwargsrepr: '{}', origin: 'test@test', ignore_result: false },
    properties: { correlation_id: id, reply_to: id, delivery_mode: 2, delivery_info: { exchange: '', routing_key: queue },
      priority: 0, body_encoding: 'base64', delivery_tag: id },
  });
}

const tests = [];
export function test(name, work) { tests.push([name, work]); }

// Runs them in order; each ends with the faults that pages noted. Prints a line each and a closing line.
export async function runAll(context) {
  const only = process.env.CHECK; // some of them by a part of their name
  let passed = 0, failed = 0;
  for (const [name, work] of tests) {
    if (only && !name.includes(only)) continue;
    const began = Date.now();
    const pages = [];
    try {
      await work({ ...context, pages });
      for (const page of pages) check(!page.faults.length, `faults in the page: ${page.faults.join('; ')}`);
      passed++;
      console.log(`ok    ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAIL  ${name} (${Date.now() - began} ms)\n      ${String(error && error.stack || error).split('\n').slice(0, 12).join('\n      ')}`);
      for (const page of pages) {
        if (page.faults.length) console.log(`      noted: ${page.faults.join('; ')}`);
        if (process.env.KEEP && !page.isClosed())
          await page.screenshot({ path: `${process.env.SCRATCH}/${name.replace(/\W+/g, '-')}.png`, fullPage: true }).catch(() => {});
      }
    }
  }
  if (passed + failed === 0) {
    console.log(`FAIL  no check has "${only}" in its name`);
    failed = 1;
  }
  return { passed, failed };
}
