// Pages keep themselves true: by the stream, without it by asking; and a broken part leaves the rest alone.
import { test, check, equal, until, sql } from './checks.mjs';

const rename = (name) => sql(`UPDATE object_sync_configs SET description = 'x', display_name = '${name}' WHERE object_type = 'parsing_errors'`);
const shown = (page) => page.locator('#type-parsing_errors').innerText();

test('live: a change elsewhere shows within seconds, by the stream', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  await page.waitForResponse(/\/ui\/events/);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await rename('Renamed by stream');
  await until('the new name shows', async () => await shown(page) === 'Renamed by stream');
});

test('live: without the stream the page asks', async ({ page: open, pages }) => {
  const page = await open(pages, null);
  page.expects(/ERR_FAILED|events/);
  await page.route('**/ui/events', (route) => route.abort());
  await page.goto('/ui/sync-intervals');
  await rename('Renamed without');
  await until('the new name shows', async () => await shown(page) === 'Renamed without');
  await rename('Parsing errors');
});

test('live: what is being typed survives a refresh', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  await page.locator('[data-key="phase"]').getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('dialog', { name: 'Edit Phases' }).getByLabel('Interval, minutes').fill('77');
  await rename('Renamed meanwhile');
  await until('the page was refreshed', async () => await shown(page) === 'Renamed meanwhile');
  equal(await page.getByRole('dialog', { name: 'Edit Phases' }).getByLabel('Interval, minutes').inputValue(), '77', 'what was typed');
  await rename('Parsing errors');
});

test('live: a script that fails takes nothing else down', async ({ page: open, pages }) => {
  const page = await open(pages, null);
  page.expects(/broken on purpose/);
  await page.route('**/ui/intervals.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'throw new Error("broken on purpose")' }));
  await page.goto('/ui/sync-intervals');
  const toggle = page.locator('[data-key="parsing_errors"]').getByRole('switch');
  const before = await toggle.getAttribute('aria-checked');
  await toggle.click();
  await until('the switch still works', async () => await toggle.getAttribute('aria-checked') !== before);
  await toggle.click();
  await until('and back', async () => await toggle.getAttribute('aria-checked') === before);
  check(await page.locator('svg.graph').count() === 1, 'the graph is missing');
});

test('live: the page reads without scripts', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui', { scripts: false });
  check((await page.locator('#freshness').innerText()).includes('Elevations'), 'the first content is not from the server');
  check(await page.locator('#hours svg').count() >= 1, 'the chart needs a script');
  check((await page.locator('#hours').innerText()).includes('Hours are UTC.'), 'whose hours they are');
});

test('live: a hidden page listens to nothing and catches up when it is seen again', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  const see = (isHidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  await see(true);
  await rename('Renamed behind its back');
  await new Promise((resolve) => setTimeout(resolve, 2500));
  equal(await shown(page), 'Parsing errors', 'the name while hidden');
  const stream = page.waitForRequest(/\/ui\/events/);
  await see(false);
  await stream;
  await until('the new name shows', async () => await shown(page) === 'Renamed behind its back');
  await rename('Parsing errors');
});
