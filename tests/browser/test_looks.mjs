// Every page at the width of a phone, dark and light, by the rules of accessibility, and with strange names.
import { test, check, equal, sql } from './checks.mjs';
import { allPages, serious } from './looks.mjs';

for (const colorScheme of ['light', 'dark']) {
  test(`looks: ${colorScheme}, a phone's width, and no serious finding of axe`, async ({ page: open, pages }) => {
    const page = await open(pages, null, { colorScheme, viewport: { width: colorScheme === 'dark' ? 390 : 320, height: 844 } });
    for (const where of await allPages()) {
      await page.goto(where);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      check(wide <= 0, `${where} is ${wide} px wider than the phone`);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
      check((background[0] < 100) === (colorScheme === 'dark'), `${where} has the background ${background}`);
      // Of the dark look only the colours differ.
      const found = await serious(page, colorScheme === 'dark' ? ['color-contrast'] : null);
      check(!found.length, `${where}: ${found.join('\n')}`);
      // Who does not see what stands beside a button hears what it is for.
      const named = await page.locator('main button:visible').evaluateAll((all) => all.map((each) => each.getAttribute('aria-label') || each.textContent.trim()));
      const twice = named.filter((name, i) => named.indexOf(name) !== i);
      check(!twice.length, `${where} has several buttons that are called ${twice.join(', ')}`);
    }
  });
}

test('looks: the theme is switched by hand and stays', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui', { colorScheme: 'light' });
  await page.getByRole('button', { name: 'Switch between light and dark' }).click();
  await page.goto('/ui/sync-logs');
  equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'theme of the next page');
  await page.evaluate(() => localStorage.clear());
});

test('looks: dialogs are accessible and close with Escape', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  await page.getByRole('button', { name: 'Add a type' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a type' });
  const found = await serious(page);
  check(!found.length, found.join('\n'));
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
});

test('looks: a name that is markup is shown as text', async ({ page: open, pages }) => {
  const name = '<img src=x onerror=alert(1)>"\'&amp;';
  const id = await sql(`INSERT INTO directories (logikal_id, name, full_path) VALUES ('browser-test', $n$${name}$n$, $n$${name}$n$) RETURNING id`);
  const page = await open(pages, `/ui/browse?directory=${id}`);
  equal(await page.locator(`[data-key="dir-${id}"] a`).innerText(), name, 'the name');
  equal(await page.locator('img').count(), 0, 'pictures in the page');
  await sql("DELETE FROM directories WHERE logikal_id = 'browser-test'");
});

test('looks: a name that turns text round does so to nothing but itself', async ({ page: open, pages }) => {
  const id = await sql("INSERT INTO directories (logikal_id, name, full_path) VALUES ('browser-test', E'abc\\u202Edef', E'abc\\u202Edef') RETURNING id");
  const page = await open(pages, `/ui/browse?directory=${id}`);
  await page.locator(`[data-key="dir-${id}"]`).getByRole('button', { name: 'Exclude' }).click();
  check(/Exclude abcdef from the sync\? Nothing in it/.test(await page.locator('#confirm-text').innerText()), await page.locator('#confirm-text').innerText());
  check(await page.title() === '⁨abc\u202edef⁩ · logikald' || !(await page.title()).includes('\u202e'), `the tab is called ${await page.title()}`);
  await sql("DELETE FROM directories WHERE logikal_id = 'browser-test'");
});

test('looks: an hour that the clock shows twice stays the one that was asked for', async ({ page: open, pages }) => {
  const page = await open(pages, null);
  for (const asked of ['2026-10-25T00:30', '2026-10-25T01:30', '2026-03-29T01:30']) { // 2:30 and 2:30 in Berlin, and 3:30
    await page.goto(`/ui/sync-logs?since=${asked}`);
    check(/T0[23]:30/.test(await page.getByLabel('From (your time)').inputValue()), 'the field is in the time of the viewer');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL((address) => address.searchParams.has('status'));
    equal(new URL(page.url()).searchParams.get('since'), asked, 'what is asked for again');
  }
});

test('looks: times are in the viewer\'s zone, with UTC on hover', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  const title = await page.locator('#children time').first().getAttribute('title');
  check(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC/.test(title), `the title is ${title}`);
});

test('looks: pages are small', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  const bytes = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, each) => sum + each.decodedBodySize, 0));
  check(bytes > 20000 && bytes < 100000, `the page weighs ${bytes} bytes`);
});

test('looks: names in other scripts turn nothing round, and exact times need no hovering', async ({ page: open, pages }) => {
  const id = await sql("SELECT min(e.id) FROM elevations e JOIN phases f ON f.id = e.phase_id WHERE e.deleted_at IS NULL AND f.deleted_at IS NULL");
  const [name, project] = (await sql(`SELECT name || '|' || project_id FROM elevations WHERE id = ${id}`)).split('|');
  await sql(`UPDATE elevations SET name = 'Pos. 010 غرفة', amount = 12, width = 1138, height = 1041 WHERE id = ${id}`);
  try {
    const page = await open(pages, `/ui/browse/projects/${project}`);
    const line = page.locator(`[data-key="elevation-${id}"]`);
    check(/12 pcs · 1138 × 1041 mm/.test(await line.innerText()), await line.innerText());
    equal(await line.locator('bdi').first().innerText(), 'Pos. 010 غرفة', 'what is isolated');
    const time = page.locator('#facts time').first();
    await page.getByRole('button', { name: 'Show exact times everywhere' }).press('Enter');
    check(/\d\d:\d\d:\d\d/.test(await time.innerText()), `the time is ${await time.innerText()}`);
    await page.getByRole('button', { name: 'Show exact times everywhere' }).click();
    check(!/\d\d:\d\d:\d\d/.test(await time.innerText()), `the time is ${await time.innerText()} still`);
  } finally {
    await sql(`UPDATE elevations SET name = $n$${name}$n$ WHERE id = ${id}`);
  }
});
