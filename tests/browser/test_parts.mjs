// Parts lists in the pages: the bill of an elevation, the tables of its file, two versions beside each other, and what is ordered, printed. What is shown is
// held against what the API answers.
import { readFile } from 'node:fs/promises';
import { test, check, equal, until, sql } from './checks.mjs';

const url = process.env.URL;
const read = () => until('a parts list with panes, profiles, articles and labour is read', () => sql(
  `SELECT s.elevation_id || '|' || s.project_id FROM parts_states s JOIN parts_lines l USING (sha256)
   WHERE s.state = 'read' AND l.kind IN ('glass', 'profile', 'article', 'labour') AND l.line_count > 0
   GROUP BY s.elevation_id, s.project_id HAVING count(*) = 4 ORDER BY s.elevation_id LIMIT 1`), 60000);
const answer = (page, path) => page.evaluate(async (where) => { const reply = await fetch(where); return { status: reply.status, body: await reply.json() }; }, path);
const GROUPS = [['Panes', 'panes'], ['Profiles', 'profiles'], ['Articles', 'articles'], ['Labour', 'labour']];
const openAll = (page) => page.locator('details').evaluateAll((all) => { for (const each of all) each.open = true; });
const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
async function german(page) {
  await page.context().addCookies([{ name: 'logikald_language', value: 'de', url }]);
  return () => page.context().clearCookies({ name: 'logikald_language' });
}
const po = await readFile(new URL('../../services/web/ui/language/de.po', import.meta.url), 'utf8');
const said = (text) => po.match(new RegExp(`^msgid "${text}"\\nmsgstr "(.+)"$`, 'm'))[1];

test('parts: the page of an elevation shows its bill first, and then all tables of the file', async ({ page: open, pages }) => {
  const [id] = (await read()).split('|');
  const page = await open(pages, `/ui/browse/elevations/${id}`);
  const bill = (await answer(page, `/api/v1/elevations/${id}/bom`)).body;
  const titles = await page.locator('summary b').allInnerTexts();
  const first = titles.indexOf('Panes');
  equal(titles.slice(first, first + 5).join(), 'Panes,Profiles,Articles,Labour,All tables of the file', 'the order of the parts');
  for (const [title, member] of GROUPS) {
    const part = page.locator('section', { has: page.locator('summary b', { hasText: new RegExp(`^${title}$`) }) });
    equal(await part.locator('summary .soft').innerText(), String(bill[member].length), `how many ${title}`);
    equal(await part.locator('tbody tr').count(), bill[member].length, `rows of ${title}`);
    const line = bill[member][0];
    const row = part.locator('tbody tr').filter({ hasText: line.code ?? line.what }).first();
    check((await row.innerText()).includes(String(line.code ?? line.what)), `${title}: ${line.code} is not shown`);
  }
  await page.getByText('All tables of the file').click();
  const region = page.getByRole('region', { name: 'All tables of the file' });
  const shown = await region.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [row.cells[0].innerText, row.cells[1].innerText].join(' ')));
  const parts = (await answer(page, `/api/v1/elevations/${id}/parts`)).body;
  equal(shown.join(), parts.tables.map((each) => `${each.name} ${each.rows}`).join(), 'the tables');
  // Rows on demand, of a table that is stored and of one that is in the file alone, and as CSV.
  const stored = parts.tables.find((each) => each.kind === 'article'), alone = parts.tables.find((each) => !each.kind && each.rows > 0);
  for (const table of [stored, alone].filter(Boolean)) {
    const links = region.locator('tbody tr').filter({ has: page.getByRole('cell', { name: table.name, exact: true }) });
    const rows = await answer(page, await links.getByRole('link', { name: 'JSON' }).getAttribute('href'));
    equal(rows.body.data?.length, table.rows, `rows of ${table.name}`);
    const download = page.waitForEvent('download');
    await links.getByRole('link', { name: 'CSV' }).click();
    const text = await readFile(await (await download).path(), 'utf8');
    check(text.split('\r\n').length >= table.rows + 2, `the CSV of ${table.name} has ${text.split('\r\n').length} lines`);
  }
});

// The list of before: without the first article, and a pane that has cost less.
const older = (id) => sql(`WITH v AS (SELECT * FROM parts_versions WHERE elevation_id = ${id} AND valid_to IS NULL)
  INSERT INTO parts_files (sha256, content, frames, raw_size, stored_size, reader, read_at, tables)
    SELECT reverse(f.sha256), f.content, f.frames, f.raw_size, f.stored_size, f.reader, f.read_at, f.tables FROM parts_files f JOIN v USING (sha256) ON CONFLICT DO NOTHING;
  INSERT INTO parts_lines SELECT reverse(l.sha256), l.kind, l.line_count, CASE l.kind WHEN 'article' THEN l.lines - 0
      WHEN 'glass' THEN jsonb_set(l.lines, '{0,price}', '0.015') ELSE l.lines END
    FROM parts_lines l JOIN parts_versions v USING (sha256) WHERE v.elevation_id = ${id} AND v.valid_to IS NULL ON CONFLICT DO NOTHING;
  UPDATE parts_versions SET number = number + 1 WHERE elevation_id = ${id} AND valid_to IS NULL;
  INSERT INTO parts_versions (elevation_id, number, sha256, valid_from, valid_to, amount, parsed_at, file_row, parts_count)
    SELECT elevation_id, number - 1, reverse(sha256), valid_from - interval '1 day', valid_from, amount, parsed_at, file_row, parts_count
    FROM parts_versions WHERE elevation_id = ${id} AND valid_to IS NULL; SELECT number FROM parts_versions WHERE elevation_id = ${id} AND valid_to IS NULL`);

test('parts: two versions stand side by side, with what changed', async ({ page: open, pages }) => {
  const [id] = (await read()).split('|');
  const now = Number((await older(id)).split('\n').pop());
  const page = await open(pages, `/ui/browse/elevations/${id}?from=${now - 1}&to=${now}`);
  const diff = (await answer(page, `/api/v1/elevations/${id}/bom/diff?from=${now - 1}&to=${now}`)).body;
  check(diff.changed.length > 0 && diff.added.length + diff.changed.length > 1, `nothing differs: ${JSON.stringify(diff).slice(0, 300)}`);
  const part = page.locator('#compared');
  const counted = (a, b, added, removed) => `${a} and ${b}: ${added} added, ${removed} removed, ${diff.changed.length} changed`;
  equal(await part.locator('summary .soft').innerText(), counted(now - 1, now, diff.added.length, diff.removed.length), 'what is told');
  equal(await part.locator('tr.is-changed').count(), diff.changed.length, 'rows that are marked as changed');
  equal(await part.locator('tr.is-added').count(), diff.added.length, 'rows that are marked as added');
  check((await part.locator('tr.is-changed').allInnerTexts()).join().includes('0.015'), 'the price of before is not shown');
  await part.locator('select[name=from]').selectOption(String(now));
  await part.locator('select[name=to]').selectOption(String(now - 1));
  await part.getByRole('button', { name: 'Compare' }).click();
  await page.waitForURL((where) => where.searchParams.get('from') === String(now));
  equal(await part.locator('summary .soft').innerText(), counted(now, now - 1, diff.removed.length, diff.added.length), 'what is told the other way round');
});

test('parts: orders are pages to be printed, in English and German', async ({ page: open, pages }) => {
  const [, project] = (await read()).split('|');
  const page = await open(pages, `/ui/browse/projects/${project}`);
  for (const [path, title] of [['glass-order', 'Glass order'], ['cutting-list', 'Cutting list'], ['stock-list', 'Stock list']]) {
    await page.goto(`/ui/browse/projects/${project}`);
    equal(await page.getByRole('link', { name: title, exact: true }).first().getAttribute('href'), `/api/v1/projects/${project}/${path}/print`, 'the link');
    const lines = (await answer(page, `/api/v1/projects/${project}/${path}?incomplete=true`)).body.data;
    await page.setViewportSize({ width: 1060, height: 750 }); // A4, lying
    await page.emulateMedia({ media: 'print' });
    for (const [language, heading] of [['en', title], ['de', said(title)]]) {
      await page.goto(`/api/v1/projects/${project}/${path}/print?incomplete=true&lang=${language}`);
      equal(await page.getByRole('heading', { level: 1 }).innerText(), heading, 'the heading');
      equal(await page.locator('tbody tr').count(), lines.length, `lines of the ${path}`);
      check((await page.locator('body').innerText()).includes(lines[0].code), `${lines[0].code} is not in the ${path}`);
      check(await tooWide(page) <= 0, `the ${path} is ${await tooWide(page)} px wider than its sheet`);
    }
    await page.emulateMedia({ media: 'screen' });
    await page.context().clearCookies({ name: 'logikald_language' });
  }
});

test('parts: on a phone and in German everything of a parts list fits', async ({ page: open, pages }) => {
  const [id, project] = (await read()).split('|');
  const page = await open(pages, null, { viewport: { width: 390, height: 844 } });
  const forget = await german(page);
  try {
    await page.goto(`/ui/browse/elevations/${id}`);
    await openAll(page);
    const titles = await page.locator('summary b').allInnerTexts();
    for (const title of [...GROUPS.map(([name]) => name), 'All tables of the file', 'Two versions side by side'])
      check(titles.includes(said(title)) || title.startsWith('Two'), `${said(title)} is not among ${titles}`);
    check(await tooWide(page) <= 0, `the page is ${await tooWide(page)} px wider than the phone`);
    for (const path of ['glass-order', 'cutting-list', 'stock-list']) {
      await page.goto(`/api/v1/projects/${project}/${path}/print?incomplete=true`);
      equal(await page.evaluate(() => document.documentElement.lang), 'de', 'the language');
      check(await page.locator('tbody tr').count() > 0, `nothing is in the ${path}`);
    }
  } finally { await forget(); }
});
