// Logs, clients, system.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test, check, equal, until, sql } from './checks.mjs';
import { url } from './browser.mjs';
const run = promisify(execFile);

test('logs: are filtered and exported', async ({ page: open, pages }) => {
  await until('syncs were logged', async () => Number(await sql('SELECT count(*) FROM sync_logs')) > 2, 30000);
  await sql(`INSERT INTO sync_logs (sync_type, status, message, error_details, started_at)
             VALUES ('browser_test', 'failed', '=1+1', 'a "quoted" <error>', now())`);
  const page = await open(pages, '/ui/sync-logs');
  await page.getByLabel('Type').selectOption('browser_test');
  await page.waitForURL(/type=browser_test/);
  equal(await page.locator('#logs tbody tr').count(), 1, 'lines of the filter');
  await page.locator('#logs summary').click();
  await page.getByText('a "quoted" <error>').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  equal(download.suggestedFilename(), 'sync-logs.csv', 'the file');
  const { readFile } = await import('node:fs/promises');
  const csv = await readFile(await download.path(), 'utf8');
  const lines = csv.trim().split('\r\n');
  equal(lines.length, 2, 'lines of the export');
  check(lines[1].includes('"\'=1+1"'), `a formula is not defused: ${lines[1]}`);
  check(lines[1].includes('"a ""quoted"" <error>"'), `quotes are not doubled: ${lines[1]}`);
  const json = await page.request.get('/ui/sync-logs/export?format=json&type=browser_test');
  equal((await json.json())[0].message, '=1+1', 'the message in JSON');
  // Berlin is an hour ahead in winter: the fields are in its time, the address and the file in UTC.
  await sql(`INSERT INTO sync_logs (sync_type, status, message, started_at) SELECT 'browser_test', 'completed', 'at ' || i,
             '2026-01-15T09:00Z'::timestamptz + i * interval '1 min' FROM generate_series(0, 119) i`);
  await page.goto('/ui/sync-logs?type=browser_test');
  await page.getByLabel('From (your time)').fill('2026-01-15T10:30');
  await page.getByLabel('To (your time)').fill('2026-01-15T11:59');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForURL(/since=2026-01-15T09%3A30&until=2026-01-15T10%3A59/);
  equal(await page.getByLabel('From (your time)').inputValue(), '2026-01-15T10:30', 'the field');
  const newest = () => page.locator('#logs tbody tr').first().locator('.break').innerText();
  equal(await newest(), 'at 118', 'the newest');
  await page.getByRole('link', { name: 'Older' }).click();
  await page.waitForURL(/before=/);
  equal(await newest(), 'at 68', 'the newest of the second page');
  equal(await page.locator('#logs tbody tr').count(), 39, 'lines of the second page');
  const [all] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'NDJSON' }).click()]);
  equal((await readFile(await all.path(), 'utf8')).trim().split('\n').length, 89, 'lines of the file');
  await page.getByRole('link', { name: 'Newer' }).click();
  await until('the first page is back', async () => await newest() === 'at 118');
  await sql("DELETE FROM sync_logs WHERE sync_type = 'browser_test'");
});

test('clients: a secret is shown once and opens the API; deactivating closes it', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/clients');
  await page.getByRole('button', { name: 'Add a client' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a client' });
  await dialog.getByLabel('Description').fill('not the name yet');
  equal((await dialog.locator('.fault').allTextContents()).join(''), '', 'faults of fields that nobody has touched');
  await dialog.getByLabel('Name').fill('Browser test');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  const shown = page.getByRole('dialog', { name: 'The secret, shown this once' });
  await shown.waitFor();
  const client_id = await shown.locator('#secret-id').innerText();
  const client_secret = await shown.locator('#secret-text').innerText();
  await shown.getByRole('button', { name: 'I have it' }).click();
  // The dialog tells of its close in a task of its own.
  await page.waitForFunction((secret) => !document.documentElement.outerHTML.includes(secret), client_secret);
  const login = () => fetch(`${url}/api/v1/client-auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ client_id, client_secret }) });
  equal((await login()).status, 200, 'a login with the secret');
  const card = page.locator(`[data-key="${client_id}"]`);
  await page.reload();
  check(/Last used\s+(now|\d+ (s|min) ago)/.test(await card.innerText()), `when it was used: ${await card.innerText()}`);
  await card.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Deactivate' }).click();
  await card.getByText('deactivated').waitFor();
  equal((await login()).status, 401, 'a login after deactivating');
});

test('system: configuration is shown with its source, secrets are not', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/system');
  const text = await page.locator('#settings').textContent();
  check(text.includes('sync.interval_s') && text.includes('environment'), 'settings are missing');
  for (const secret of [process.env.ADMIN_PASSWORD, '5f0c1c1be38647b8', '9b1de3c25f0c4a6e'])
    check(!(await page.content()).includes(secret), 'a secret is in the page');
  await page.getByLabel('Show only').fill('redis.url');
  equal(await page.locator('#settings tbody tr:visible').count(), 1, 'settings that match');
});

test('system: the log of a child is shown, and it is restarted on a click', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/system?log=beat');
  check((await page.locator('#lines').innerText()).length > 10, 'beat\'s log is empty');
  const key = () => page.locator('[data-key^="child-beat"]').first().getAttribute('data-key');
  const before = await key();
  await page.locator('[data-key^="child-beat"]').first().getByRole('button', { name: 'Restart beat' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Restart' }).click();
  await until('beat has another process', async () => await key() !== before && await key(), 20000);
  await until('it is ready', async () =>
    await page.locator('[data-key^="child-beat"] .badge').first().innerText() === 'ready', 20000);
  await page.locator('#actions').getByText('restarted beat').first().waitFor();
});

test('system: changes need the token of the session', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/system');
  page.expects(/403/);
  const status = await page.evaluate(async () => (await fetch('/api/v1/admin/reload', { method: 'POST' })).status);
  equal(status, 403, 'a change without the token');
});

test('admin: who did what is told in words, with what it was before, and of the console too', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  const type = page.locator('[data-key="phase"]');
  const before = await sql("SELECT sync_interval_minutes FROM object_sync_configs WHERE object_type = 'phase'");
  const after = before === '23' ? '24' : '23';
  await type.getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit Phases' });
  await dialog.getByLabel('Interval, minutes').fill(after);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await type.getByText(`every ${after} min`).waitFor();
  const tool = (...words) => run(`${process.env.BUILD}/logikald`, words, { env: { ...process.env, LOGIKALD_RUN_DIR: process.env.RUN_DIR, DATABASE_URL: process.env.PG_URL, REDIS_URL: `unix://${process.env.REDIS_SOCKET}?db=0` } });
  await tool('queue', 'resume', 'sync');
  await tool('ctl', 'restart', 'beat');
  await page.goto('/ui/system');
  const actions = page.locator('#actions');
  const row = actions.locator('tr', { hasText: 'changed the settings of Phases' }).first();
  check(new RegExp(`sync interval minutes\\s*${before}\\s*→\\s*${after}`).test(await row.innerText()), `the row says ${await row.innerText()}`);
  await actions.getByText('ran queue resume sync on the console').first().waitFor();
  await page.locator('#recorded').getByText('restarted by `ctl restart`').first().waitFor();
  await page.getByLabel('Name or what was done').fill('queue resume');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.waitForURL(/who=queue/);
  equal(await actions.locator('tbody tr', { hasText: 'changed the settings' }).count(), 0, 'rows that do not match');
});
