// Why: from a state on any page to the chain of its causes.
import { test, check, equal, until, sql } from './checks.mjs';

const synced = () => until('projects are stored', async () => Number(await sql('SELECT count(*) FROM projects WHERE deleted_at IS NULL')) > 0, 60000);

test('why: the dashboard leads to why a type is as it is', async ({ page: open, pages }) => {
  await synced();
  const page = await open(pages, '/ui');
  await page.locator('#freshness [data-key="fresh-project"]').getByRole('link', { name: /^Why\?/ }).click();
  await page.waitForURL('**/ui/why?of=type:project');
  await page.locator('#why li.depth-0', { hasText: 'Projects' }).waitFor();
  check(await page.locator('#why li.depth-1').count() > 0, 'no cause is told');
});

test('why: a process that was stopped is named, with what to do', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  await page.locator('#children tr', { hasText: 'beat' }).getByRole('link', { name: /^Why\?/ }).first().click();
  await page.locator('#why li.depth-0', { hasText: 'beat is ' }).waitFor();
  equal(await page.getByRole('searchbox').inputValue(), 'process:beat', 'what is asked');
});

test('why: a project page leads to its excluded directory', async ({ page: open, pages }) => {
  await synced();
  const [project, directory] = (await sql(`SELECT p.id || '|' || d.id FROM projects p JOIN directories d ON d.id = p.directory_id
    WHERE p.deleted_at IS NULL AND d.deleted_at IS NULL AND NOT d.exclude_from_sync ORDER BY p.id LIMIT 1`)).split('|');
  await sql(`UPDATE directories SET exclude_from_sync = true WHERE id = ${directory}`);
  try {
    const page = await open(pages, `/ui/browse/projects/${project}`);
    await page.locator('#facts').getByRole('link', { name: /^Why\?/ }).click();
    await page.locator('#why li.depth-1', { hasText: 'which is excluded from the sync' }).waitFor();
    await page.locator('#why', { hasText: 'Include it again' }).waitFor();
  } finally {
    await sql(`UPDATE directories SET exclude_from_sync = false WHERE id = ${directory}`);
  }
});

test('why: what can be several things is chosen from, and what is unknown is said', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/why');
  await page.getByRole('searchbox').fill('sqlite_parser');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.locator('#why li', { hasText: 'queue' }).getByRole('link').click();
  await page.locator('#why li.depth-0', { hasText: 'queue sqlite_parser' }).waitFor();
  await page.getByRole('searchbox').fill('nobody knows <b>this</b> & that');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByText('There is no thing of the name "nobody knows <b>this</b> & that"').waitFor();
});

test('why: the pages of a project and of the types tell why they are as old as they are', async ({ page: open, pages }) => {
  const [id, name] = (await sql('SELECT id || \'|\' || name FROM projects WHERE deleted_at IS NULL ORDER BY id LIMIT 1')).split('|');
  const page = await open(pages, `/ui/browse/projects/${id}`);
  await page.locator('.card', { hasText: 'Why it is as old as it is' }).locator('ol.why li').first().waitFor();
  check((await page.locator('ol.why').innerText()).includes(name), 'the chain does not name the project');
  await page.goto('/ui/sync-intervals');
  const type = page.locator('[data-key="elevation"]');
  await type.getByText('Why it is as old as it is').click();
  await type.locator('ol.why li').first().waitFor();
});
