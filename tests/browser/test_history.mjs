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
  await rows.first().getByRole('link').click();
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
  for (const text of await page.locator('#changes tbody th').allInnerTexts()) check(text.startsWith('elevation'), text);
  await page.goto('/ui/tasks');
  await page.locator('#runs').getByRole('link', { name: 'what it changed' }).first().waitFor();
  equal(await page.locator('#changes').count(), 0);
});
