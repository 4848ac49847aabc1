// What became of tasks, what a sync changed, and what one would change.
import { randomUUID } from 'node:crypto';
import { test, check, equal, until, sql, sim, redis, message } from './checks.mjs';

test('history: a failed task is found, shown with its tries, and sent again', async ({ page: open, pages }) => {
  const id = randomUUID();
  await redis('LPUSH', 'sync', message(id, 'tasks.sync_tasks.sync_project_task', 'sync'));
  await until('it is in the history', async () => await sql(`SELECT state FROM task_history WHERE id = '${id}'`) === 'failure');
  const page = await open(pages, '/ui/tasks');
  await page.getByRole('link', { name: 'Past tasks' }).first().click();
  await page.getByLabel('Id, arguments or error').fill(id);
  await page.getByLabel('State').selectOption('failure');
  await page.getByRole('button', { name: 'Filter' }).click();
  const rows = page.locator('#past tbody tr');
  await until('one row is left', async () => await rows.count() === 1);
  await rows.first().getByRole('link').first().click();
  const past = page.locator('#past');
  await past.getByText('project_id is missing').first().waitFor();
  await past.getByRole('button', { name: 'Send it again' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Send it' }).click();
  const again = await until('it has run again', () => sql(`SELECT id FROM task_history WHERE parent_id = '${id}'`));
  await page.goto(`/ui/tasks/${again}`);
  await page.locator('#past').getByText('Sent by').waitFor();
  await page.goto('/ui/history?text=nothing+is+like+%26this');
  await page.getByText('No task matches.').waitFor();
});

test('history: what a sync would change is told, then what it has changed', async ({ page: open, pages }) => {
  const [name] = (await sql("SELECT name FROM elevations WHERE deleted_at IS NULL ORDER BY id LIMIT 1")).split('\n');
  await sim('/change', { type: 'elevation', count: 1 });
  const page = await open(pages, '/ui/tasks');
  await page.getByRole('button', { name: 'What would a sync change?' }).click();
  await page.getByRole('link', { name: 'What would change' }).click({ timeout: 60000 });
  await page.getByRole('heading', { name: 'What a sync would change' }).waitFor();
  check(name.length > 0, 'nothing is stored');
  const run = await until('a run has changed something', () => sql(
    "SELECT max(run_id) FROM changes WHERE object_type = 'elevation' AND run_id IN (SELECT id FROM sync_runs)"));
  await page.goto(`/ui/runs/${run}`);
  await page.locator('#changes tbody tr').first().waitFor();
  await page.getByLabel('Type').selectOption('elevation');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.locator('#changes tbody tr').first().waitFor();
  for (const text of await page.locator('#changes tbody th').allInnerTexts()) check(/^[+~−] elevation/.test(text), text);
  await page.goto('/ui/tasks');
  await page.locator('#runs').getByRole('link', { name: 'what it changed' }).first().waitFor();
  equal(await page.locator('#changes').count(), 0);
});

test('runs: a column for each run, a row for each type, and what the run did behind each', async ({ page: open, pages }) => {
  await until('a run of the tree is over', async () => await sql("SELECT count(*) FROM sync_runs r WHERE r.scope = 'tree' AND r.state = 'completed' AND r.total > 0 AND EXISTS (SELECT FROM sync_logs l WHERE l.task_id = r.task_id)") > '0', 60000);
  const page = await open(pages, '/ui/runs');
  const types = await sql('SELECT string_agg(display_name, \',\' ORDER BY priority, id) FROM object_sync_configs');
  const rows = await page.locator('.run-grid tbody th bdi').allInnerTexts();
  equal(rows.slice(0, types.split(',').length).join(','), types, 'the rows');
  const cell = page.locator('[data-key="type-elevation"] a.cell').first();
  check(/(completed|partial|failed|started|cancelled): \d+ objects, \d+ failed, \d+ ms/.test(await cell.textContent()), `a cell says ${await cell.textContent()}`);
  const run = (await cell.getAttribute('href')).split('/').pop();
  await cell.click();
  await page.getByRole('heading', { level: 1, name: 'What a sync changed' }).waitFor();
  // What failed in it, as an object with its error and its way on.
  const project = await sql(`INSERT INTO project_cursors AS c (project_id, failures, failed_at, last_error) SELECT (SELECT min(id) FROM projects), 2, started_at, 'of the test: 404'
    FROM sync_runs WHERE id = ${run} ON CONFLICT (project_id) DO UPDATE SET failures = 2, failed_at = excluded.failed_at, last_error = excluded.last_error RETURNING project_id`);
  await page.goto(`/ui/runs/${run}`);
  const failed = page.locator(`[data-key="failed-${project}"]`);
  await failed.getByText('of the test: 404').waitFor();
  equal(await failed.getByRole('link').first().getAttribute('href'), `/ui/browse/projects/${project}`, 'the way to it');
  await sql(`UPDATE project_cursors SET failures = 0, failed_at = NULL, last_error = NULL WHERE project_id = ${project}`);
});
