// Pages keep themselves true: by the stream, without it by asking; and a broken part leaves the rest alone.
import { password } from './browser.mjs';
import { test, check, equal, until, sql } from './checks.mjs';
import { allPages } from './looks.mjs';

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

test('live: when the scripts do not come the page says what it lacks', async ({ page: open, pages }) => {
  const page = await open(pages, null);
  page.expects(/ERR_FAILED|core\.js|reading 'ui'|of undefined/);
  await page.route('**/core.js', (route) => route.abort());
  await page.goto('/ui/sync-intervals');
  await page.getByText('Without JavaScript these pages').waitFor();
  equal(await page.getByRole('button', { name: 'Sync now' }).count(), 0, 'buttons that would do nothing');
});

test('live: a server that says nothing any more is told, and believed again when it speaks', async ({ page: open, pages }) => {
  const page = await open(pages, null);
  let isSilent = false;
  await page.clock.install();
  await page.route('**/ui/events', () => {}); // open, and nothing comes
  await page.route(/\/ui$/, (route) => { if (!isSilent) route.continue(); });
  await page.goto('/ui');
  const inner = page.locator('#verdict .verdict-inner');
  const before = await inner.getAttribute('data-state');
  isSilent = true;
  await page.clock.fastForward(40000);
  await until('nothing is known', async () => await inner.getAttribute('data-state') === 'unknown');
  check(/What you see may be old. The server does not answer./.test(await inner.innerText()), `it says ${await inner.innerText()}`);
  isSilent = false;
  // What hung is given up, and asked anew.
  await until('it is believed again', async () => {
    await page.clock.fastForward(5000);
    return await inner.getAttribute('data-state') === before;
  });
});

test('live: a session that another tab has begun does not make the buttons of this one useless', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  const logIn = () => page.request.post('/ui/login', { form: { username: 'admin', password, next: '/ui/sync-intervals' } });
  await logIn();
  page.expects(/403/); // the first try, with the token of before
  await page.route('**/ui/events', () => {});
  await page.goto('/ui/sync-intervals');
  const toggle = page.locator('[data-key="parsing_errors"]').getByRole('switch');
  const was = await toggle.getAttribute('aria-checked');
  await logIn();
  await toggle.click();
  await until('the switch works', async () => await toggle.getAttribute('aria-checked') !== was);
  equal(await page.locator('#toasts .bad').count(), 0, 'complaints');
  await toggle.click();
  await until('and back', async () => await toggle.getAttribute('aria-checked') === was);
  // Somebody who may only look has logged in there meanwhile: this page shows it after its next refresh.
  await page.request.post('/ui/login', { form: { username: 'viewer', password: 'browser-test-viewer', next: '/ui' } });
  await page.evaluate(() => window.ui.refresh());
  await page.getByText('(may look only)').waitFor();
  equal(await page.getByRole('button', { name: 'Sync now' }).count(), 0, 'buttons that would be refused');
});

test('live: every page reads without scripts', async ({ page: open, pages }) => {
  const page = await open(pages, null, { scripts: false });
  for (const where of await allPages()) {
    await page.goto(where);
    check(await page.getByText('Without JavaScript these pages').isVisible(), `${where} does not say what is missing`);
    const empty = await page.locator('time:empty, [data-ms]:empty, [data-bytes]:empty').count();
    equal(await page.locator('[data-do]:visible:not(.switch)').count(), 0, `buttons that would do nothing on ${where}`);
    equal(empty, 0, `times, durations and sizes without text on ${where}`);
  }
  await page.goto('/ui');
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
