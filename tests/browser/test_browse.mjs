// Browse: from the directories down to a parts list, and directories that are left out of the sync.
import { readFile } from 'node:fs/promises';
import { test, check, equal, until, sql } from './checks.mjs';

const synced = () => until('elevations with parts lists are stored', async () => Number(await sql(
  'SELECT count(*) FROM elevation_parts_lists p JOIN elevation_thumbnails t USING (elevation_id) JOIN parts_versions v USING (elevation_id) WHERE v.parsed_at IS NOT NULL AND p.size_bytes > 0 AND t.size_bytes > 0')) > 0, 60000);

test('browse: from a directory to an elevation with its picture and parts', async ({ page: open, pages }) => {
  await synced();
  const row = (await sql(`SELECT e.id || '|' || e.name || '|' || p.id || '|' || p.name || '|' || d.id || '|' || d.name
    FROM elevations e JOIN projects p ON p.id = e.project_id JOIN directories d ON d.id = p.directory_id
    JOIN elevation_parts_lists l ON l.elevation_id = e.id JOIN elevation_thumbnails t ON t.elevation_id = e.id JOIN parts_versions v ON v.elevation_id = e.id
    WHERE v.parsed_at IS NOT NULL AND l.size_bytes > 0 AND t.size_bytes > 0 AND d.deleted_at IS NULL ORDER BY e.id LIMIT 1`)).split('|');
  const [, elevation, project, projectName, directory] = row;
  const page = await open(pages, `/ui/browse?directory=${directory}`);
  await page.locator(`[data-key="project-${project}"] a`).click();
  await page.getByRole('heading', { level: 1, name: projectName, exact: true }).waitFor();
  await page.locator('#phases a', { hasText: elevation }).first().click();
  await page.getByRole('heading', { level: 1, name: elevation, exact: true }).waitFor();
  const width = await until('the picture is loaded', () => page.locator('img.thumb').evaluate((img) => img.complete && img.naturalWidth));
  check(width > 8, `the picture is ${width} wide`);
  await page.getByText('All tables of the file').click();
  const tables = page.getByRole('region', { name: 'All tables of the file' });
  await tables.getByRole('cell', { name: 'Elevations', exact: true }).waitFor();
  check(await tables.locator('tbody tr').count() >= 3, 'not all tables of the parts list are told');
});

test('browse: a search finds across all kinds', async ({ page: open, pages }) => {
  await synced();
  const name = await sql("SELECT name FROM projects WHERE deleted_at IS NULL ORDER BY id LIMIT 1");
  const page = await open(pages, '/ui/browse');
  await page.getByLabel('Search everything').fill(name);
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('link', { name, exact: true }).first().waitFor();
  // Sorted by a click, filtered by a choice, page by page.
  await page.getByLabel('Search everything').fill('');
  await page.getByLabel('Kind').selectOption('elevation');
  await page.waitForURL(/kind=elevation/);
  const total = await sql('SELECT count(*) FROM elevations WHERE deleted_at IS NULL');
  await page.getByRole('heading', { level: 2, name: new RegExp(`^${total} of `) }).waitFor();
  await page.getByRole('columnheader', { name: 'Name' }).getByRole('link').click();
  equal(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort'), 'ascending', 'the order');
  await page.getByRole('link', { name: 'Next' }).click();
  await page.getByText(`51 to 100 of ${total}`).waitFor();
  equal(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort'), 'ascending', 'the order of the next page');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'CSV' }).click();
  const lines = (await readFile(await (await download).path(), 'utf8')).trim().split('\r\n');
  equal(lines.length, Number(total) + 1, 'lines of the export');
});

test('browse: a forced sync of a project shows its progress', async ({ page: open, pages }) => {
  await synced();
  const id = await sql('SELECT project_id FROM phases WHERE deleted_at IS NULL ORDER BY project_id LIMIT 1');
  const page = await open(pages, `/ui/browse/projects/${id}`);
  await page.getByRole('button', { name: 'Force a sync' }).click();
  const bar = page.locator('.live progress');
  await bar.waitFor();
  await until('the bar is full', async () => await bar.evaluate((each) => each.value) === 100, 30000);
  equal(await sql(`SELECT count(*) FROM project_cursors WHERE project_id = ${id} AND failures = 0`), '1', 'cursor');
});

test('browse: what a long phase leaves out is told, and where it is', async ({ page: open, pages }) => {
  // Of their own, and left out of the sync, which would miss them.
  const directory = await sql("INSERT INTO directories (logikal_id, name, full_path, exclude_from_sync) VALUES ('browser-long', 'Long', 'Long', true) RETURNING id");
  const project = await sql(`INSERT INTO projects (logikal_id, name, directory_id, status) VALUES ('browser-long', 'Long', ${directory}, 'active') RETURNING id`);
  const phase = await sql(`INSERT INTO phases (logikal_id, name, project_id, sync_status) VALUES ('browser-long', 'Long', ${project}, 'x') RETURNING id`);
  await sql(`INSERT INTO elevations (logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status, parse_retry_count)
    SELECT 'browser-long' || i, 'zzz ' || i, ${project}, ${phase}, 'x', false, 'success', 0 FROM generate_series(1, 503) i`);
  try {
    const page = await open(pages, `/ui/browse/projects/${project}`);
    await page.locator('#phases .notice', { hasText: '3 more elevations are not shown here' }).getByRole('link').click();
    await page.getByRole('heading', { level: 2, name: /^503 of/ }).waitFor();
    await page.goto(`/ui/browse/elevations/${await sql(`SELECT max(id) FROM elevations WHERE phase_id = ${phase}`)}`);
    equal(await page.locator('.crumbs a').count(), 4, 'steps of the way: all, directory, project, what happened');
  } finally {
    await sql(`DELETE FROM elevations WHERE phase_id = ${phase}; DELETE FROM phases WHERE id = ${phase}; DELETE FROM projects WHERE id = ${project}; DELETE FROM directories WHERE id = ${directory}`);
  }
});

test('browse: a parts list is read again', async ({ page: open, pages }) => {
  await synced();
  const id = await sql('SELECT elevation_id FROM elevation_parts_lists WHERE size_bytes > 0 ORDER BY 1 LIMIT 1');
  await sql(`UPDATE elevations SET parse_status = 'failed', parse_error = 'of the test', data_parsed_at = NULL WHERE id = ${id}`);
  const page = await open(pages, `/ui/browse/elevations/${id}`);
  await page.getByText('of the test').waitFor();
  await page.getByRole('button', { name: 'Read it again' }).click();
  await until('it is read', async () => await sql(`SELECT parse_status FROM elevations WHERE id = ${id}`) === 'success', 20000);
  await page.locator('#parsing .badge', { hasText: 'success' }).waitFor();
});

test('browse: an excluded directory is left out of the sync', async ({ page: open, pages }) => {
  await synced();
  const [directory, name] = (await sql(`SELECT d.id || '|' || d.name FROM directories d JOIN projects p ON p.directory_id = d.id
    WHERE d.deleted_at IS NULL AND NOT d.exclude_from_sync AND p.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM directories c WHERE c.parent_id = d.id) ORDER BY d.id DESC LIMIT 1`)).split('|');
  await until('no sync runs', async () => await sql("SELECT count(*) FROM sync_runs WHERE state = 'running'") === '0', 30000);
  const page = await open(pages, `/ui/browse?directory=${directory}`);
  const row = page.locator(`[data-key="dir-${directory}"]`);
  await row.getByRole('button', { name: `Exclude ${name}`, exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Are you sure?' });
  await question.getByText('Nothing is deleted.').waitFor();
  await question.getByRole('button', { name: 'Exclude', exact: true }).click();
  await row.getByText('excluded', { exact: true }).waitFor();
  equal(await sql(`SELECT exclude_from_sync FROM directories WHERE id = ${directory}`), 't', 'stored');
  const inside = `SELECT coalesce(max(c.confirmed_at)::text, '') FROM project_cursors c JOIN projects p ON p.id = c.project_id WHERE p.directory_id`;
  const before = [await sql(`${inside} = ${directory}`), await sql(`${inside} <> ${directory}`)];
  await page.goto('/ui');
  await page.getByRole('button', { name: 'Sync everything now' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Sync everything' }).click();
  const bar = page.locator('.live progress');
  await until('the sync is over', async () => await bar.evaluate((each) => each.value) === 100, 40000);
  check(await sql(`${inside} <> ${directory}`) > before[1], 'the other projects were not synced');
  equal(await sql(`${inside} = ${directory}`), before[0], 'the excluded projects were last confirmed');
  await page.goto(`/ui/browse?directory=${directory}`);
  await row.getByRole('button', { name: `Include ${name}`, exact: true }).click();
  await row.getByText('excluded', { exact: true }).waitFor({ state: 'detached' });
});

test('browse: a project that cannot be read says since when, and how often it was tried', async ({ page: open, pages }) => {
  const id = await sql('SELECT max(id) FROM projects WHERE deleted_at IS NULL');
  await sql(`INSERT INTO project_cursors (project_id, failures, failed_at, last_error) VALUES (${id}, 3, now() - interval '2 hours', 'nothing was read')
    ON CONFLICT (project_id) DO UPDATE SET failures = 3, failed_at = excluded.failed_at, last_error = excluded.last_error`);
  const page = await open(pages, `/ui/browse/projects/${id}`);
  const facts = await page.locator('#facts').innerText();
  await sql(`UPDATE project_cursors SET failures = 0, failed_at = NULL, last_error = NULL WHERE project_id = ${id}`);
  check(facts.includes('The last try: 2 h ago; in vain so far: 3.'), facts);
  check(/Last sync\s+(never|.*, not complete)/.test(facts), `it seems to be complete: ${facts}`);
});
