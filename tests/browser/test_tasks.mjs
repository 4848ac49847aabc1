// Tasks: cancelling what runs, and what to do with dead letters.
import { randomUUID } from 'node:crypto';
import { test, check, equal, until, sql, sim, redis, message } from './checks.mjs';

test('tasks: a running sync is cancelled and says so', async ({ page: open, pages }) => {
  const alone = () => until('no other sync runs, which this one would join', async () => await sql("SELECT count(*) FROM sync_runs WHERE state = 'running'") === '0');
  await alone(); // at its own pace
  await sim('/delays', { list: 1500, directory: 1500, project: 1500 });
  try {
    await alone();
    const page = await open(pages, '/ui');
    await page.getByRole('button', { name: 'Sync everything now' }).click();
    await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Sync everything' }).click();
    const live = page.locator('.live').filter({ has: page.getByRole('button', { name: 'Cancel' }) });
    const id = await until('the task is followed', () => live.getAttribute('data-task'));
    await until('it runs', async () => await sql(`SELECT count(*) FROM sync_runs WHERE task_id = '${id}'`) !== '0');
    await live.getByRole('button', { name: 'Cancel' }).click();
    await page.locator(`.live[data-task="${id}"]`).getByText('Cancelled').waitFor({ timeout: 20000 });
    await until('its run is over', async () => await sql(`SELECT count(*) FROM sync_runs WHERE state = 'running' AND task_id = '${id}'`) === '0');
    await page.goto(`/ui/tasks/${id}`);
    await page.getByText('REVOKED', { exact: true }).waitFor(); // its tries say so in small letters
  } finally {
    await sim('/delays', { list: 5, directory: 5, project: 5 });
  }
});

test('tasks: a dead letter is shown with its reason and sent again', async ({ page: open, pages }) => {
  const id = randomUUID();
  await redis('LPUSH', 'sync', message(id, 'tasks.of.nobody', 'sync'));
  const page = await open(pages, '/ui/tasks');
  const letter = page.locator(`[data-key^="dead-${id}"]`);
  await letter.waitFor();
  check((await letter.innerText()).includes('tasks.of.nobody'), 'the task is not named');
  const reason = await letter.locator('.notice').innerText();
  check(reason.length > 5, `no reason: ${reason}`);
  // Without a worker it stays in its queue when it is sent again.
  await page.goto('/ui/system');
  await page.getByRole('button', { name: 'Stop worker.0', exact: true }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Stop' }).click();
  await until('the worker is stopped', async () =>
    await page.locator('[data-key^="child-worker.0"] .badge').first().innerText() === 'stopped', 30000);
  await page.goto(`/ui/tasks?q=${id}`);
  await letter.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Retry the chosen' }).click();
  await letter.waitFor({ state: 'detached' });
  await page.locator(`#waiting [data-key="${id}"]`).waitFor();
  await page.goto('/ui/system');
  await page.getByRole('button', { name: 'Start worker.0', exact: true }).click();
  await until('the worker is back', async () =>
    await page.locator('[data-key^="child-worker.0"] .badge').first().innerText() === 'ready', 30000);
  await page.goto('/ui/tasks');
  await letter.waitFor();
  await page.getByRole('button', { name: 'Delete all' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Delete all' }).click();
  await letter.waitFor({ state: 'detached' });
});

test('tasks: each has a page with its history', async ({ page: open, pages }) => {
  const id = await until('a sync has been', () => sql("SELECT task_id FROM sync_runs WHERE state = 'completed' AND task_id IS NOT NULL ORDER BY id DESC LIMIT 1"));
  const page = await open(pages, `/ui/tasks/${id}`);
  await page.locator('#history .badge', { hasText: 'completed' }).first().waitFor();
  equal(await page.getByRole('button', { name: 'Cancel the task' }).count(), 0, 'buttons that cancel what is over');
  equal(await sql("SELECT count(*) FROM sync_runs WHERE state = 'completed' AND current < total"), '0', 'finished syncs that seem to have left something out');
  await page.goto('/ui');
  await until('the syncs of the day are its runs', async () => (await page.locator('#hours').innerText()).startsWith(`${await sql(`SELECT count(*)
    FROM sync_runs WHERE (state <> 'completed' OR total > 0 OR is_forced) AND started_at >= date_trunc('hour', now()) - interval '23 hours'`)} syncs, `));
});

test('tasks: it is said that older dead letters are gone', async ({ page: open, pages }) => {
  await redis('EVAL', "for i = 1, 9999 do redis.call('LPUSH', KEYS[1], '{}') end", '1', 'logikald.dead');
  const page = await open(pages, '/ui/tasks');
  await page.getByText('The newest 50 of 9999').waitFor();
  equal(await page.getByText('older ones were dropped').count(), 0, 'one less than are kept');
  await redis('LPUSH', 'logikald.dead', '{}');
  await page.goto('/ui/tasks');
  await page.getByText('No more than 10 000 are kept: older ones were dropped.').waitFor();
  await page.locator('#dead').getByRole('link', { name: 'Next' }).click();
  await page.getByText('Behind the first 50: 50 of 10000.').waitFor();
  equal(await page.locator('#dead article').count(), 50, 'dead letters on the second page');
  await redis('DEL', 'logikald.dead');
});

test('tasks: a queue is paused and resumed, and everybody is told', async ({ page: open, pages }) => {
  const id = randomUUID();
  const page = await open(pages, '/ui/tasks');
  page.expects(/403/);
  const refused = await page.request.post('/api/v1/admin/queues/sync/pause');
  equal(refused.status(), 403, 'without the CSRF token');
  await page.getByRole('button', { name: 'Pause sync' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Resume sync' }).waitFor();
  check(/^\d+ admin$/.test(await redis('HGET', 'logikald.paused', 'sync')), 'who paused it is not kept');
  await redis('LPUSH', 'sync', message(id, 'tasks.of.nobody', 'sync'));
  await page.locator(`#waiting [data-key="${id}"]`).waitFor();
  const metrics = await (await page.request.get('/metrics')).text();
  check(metrics.includes('logikald_queue_paused{queue="sync"} 1'), 'no metric tells of it');
  await page.goto('/ui');
  const reason = page.locator('.reason', { hasText: 'Queue sync was paused by admin' });
  await reason.waitFor();
  check(/since .* ago|since now/.test(await reason.innerText()), `since when: ${await reason.innerText()}`);
  equal(await redis('LLEN', 'sync') >= 1, true, 'the task stays');
  await reason.getByRole('button', { name: 'Resume sync' }).click();
  await reason.waitFor({ state: 'detached' });
  await until('the task is taken', async () => (await redis('LRANGE', 'logikald.dead', '0', '-1')).includes(id));
  equal(await sql("SELECT string_agg(status::text, ' ' ORDER BY id) FROM admin_actions WHERE actor = 'admin' AND path LIKE '%/queues/sync/%'"),
    '403 200 200', 'the log of actions');
  await redis('DEL', 'logikald.dead');
});

test('tasks: all that a search matches is cancelled, retried and deleted, also what no page shows', async ({ page: open, pages }) => {
  const many = async (count, task, kwargs = {}) => redis('LPUSH', 'sync', ...Array.from({ length: count }, () =>
    message(randomUUID(), task, 'sync', [], kwargs)));
  const press = async (page, name) => {
    await page.getByRole('button', { name }).click();
    await page.getByRole('dialog', { name: 'Are you sure?' }).locator('#confirm-yes').click();
  };
  await redis('HSET', 'logikald.paused', 'sync', `${Date.now()} the test`);
  await many(150, 'tasks.bulk.first');
  await many(80, 'tasks.bulk.second', { password: 'hunter2', depth: { api_token: 'hunter2' }, speed: 9 });
  const page = await open(pages, '/ui/tasks?q=BULK.first');
  await page.getByText('The next 100 of 150').waitFor();
  const first = await page.locator('#waiting tbody tr').first().getAttribute('data-key');
  await page.locator('#waiting').getByRole('link', { name: 'Next' }).click();
  await page.getByText('Behind the first 100: 50 of 150.').waitFor();
  equal(await page.locator('#waiting tbody tr').count(), 50, 'tasks on the second page');
  await page.locator('#waiting').getByRole('link', { name: 'Before' }).click();
  await page.getByText('The next 100 of 150').waitFor();
  equal(await page.locator('#waiting tbody tr').first().getAttribute('data-key'), first, 'the first task again');
  await page.goto('/ui/tasks?waiting=200'); // without a search: 230 wait
  await page.getByText('Behind the first 200: 30 of 230.').waitFor();
  await page.goto('/ui/tasks?waiting=500');
  await page.locator('#waiting').getByText('The list is shorter by now.').waitFor();
  await page.goto('/ui/tasks?q=BULK.first');
  await press(page, 'Cancel all 150');
  await page.getByText('150 tasks were cancelled.').waitFor();
  equal(Number(await redis('LLEN', 'sync')), 80, 'what is left');
  await redis('HDEL', 'logikald.paused', 'sync');
  await page.goto('/ui/tasks?q=bulk.second');
  await page.getByText('The newest 50 of 80').waitFor();
  const letter = page.locator('#dead article').first();
  await letter.getByText('Message,').click();
  check((await letter.innerText()).includes('"speed":9'), 'the arguments are not shown');
  check(!(await page.content()).includes('hunter2'), 'a secret is shown');
  await letter.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Deleted.').waitFor();
  equal(Number(await redis('LLEN', 'logikald.dead')), 79, 'dead letters without the deleted one');
  await redis('HSET', 'logikald.paused', 'sync', `${Date.now()} the test`);
  await press(page, 'Retry all 79');
  await page.getByText('79 dead letters were sent again.').waitFor();
  equal(Number(await redis('LLEN', 'sync')), 79, 'what waits again');
  await redis('HDEL', 'logikald.paused', 'sync');
  await press(page, 'Delete all 79');
  await page.getByText('79 dead letters were deleted.').waitFor();
  const log = await sql("SELECT string_agg(detail::text, ' ' ORDER BY id) FROM admin_actions WHERE path LIKE '%/tasks/bulk'");
  check(/BULK\.first.*150.*bulk\.second.*79/.test(log), `the log of actions: ${log}`);
});
