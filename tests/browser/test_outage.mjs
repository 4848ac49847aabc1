// Stores that go away: pages say so in words, keep what they can, and are well again by themselves.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test, check, until } from './checks.mjs';
const run = promisify(execFile);

const ctl = (...words) => run(`${process.env.BUILD}/logikald`, ['ctl', ...words],
  { env: { ...process.env, LOGIKALD_RUN_DIR: process.env.RUN_DIR } });

test('outage: without Redis the dashboard says so and works, and is well again', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  page.expects(/503/);
  await ctl('stop', 'redis');
  try {
    await page.locator('#verdict').getByText('Redis: unreachable').waitFor({ timeout: 30000 });
    check((await page.locator('#freshness').innerText()).includes('Elevations'), 'the freshness is missing');
    await page.goto('/ui/tasks');
    await page.locator('#faults').getByText(/Redis/i).first().waitFor();
  } finally {
    await ctl('start', 'redis');
  }
  await page.goto('/ui');
  await page.locator('#verdict').getByText('Redis: unreachable').waitFor({ state: 'detached', timeout: 30000 });
});

test('outage: without PostgreSQL a page says why, and comes back by itself', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  page.expects(/503/);
  await ctl('stop', 'postgres');
  try {
    await until('the page says it', async () => {
      await page.goto('/ui').catch(() => {}); // the page before may just be trying again
      return await page.getByRole('heading', { name: 'Not available now' }).count() === 1;
    }, 30000);
    check(/PostgreSQL/.test(await page.getByRole('alert').innerText()), 'it does not name PostgreSQL');
  } finally {
    await ctl('start', 'postgres');
  }
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor({ timeout: 40000 });
});

test('outage: without PostgreSQL and Redis the processes and their logs are there, and can be started', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/system');
  page.expects(/503/);
  const row = (name) => page.locator('#children tr', { has: page.getByRole('rowheader', { name, exact: true }) });
  check(/Nobody can log in/.test(await row('postgres').getByRole('button', { name: 'Stop postgres' }).getAttribute('data-ask')), 'stopping PostgreSQL does not say what it means');
  await ctl('stop', 'redis');
  await ctl('stop', 'postgres');
  try {
    await page.getByText('PostgreSQL is away').waitFor({ timeout: 60000 });
    await page.goto('/ui/system?log=postgres&level=info');
    await page.locator('#lines .line').first().waitFor();
    await row('postgres').getByRole('button', { name: 'Start postgres', exact: true }).click();
    await row('postgres').getByText('ready').waitFor({ timeout: 60000 });
    await row('redis').getByRole('button', { name: 'Start redis', exact: true }).click();
    await row('redis').getByText('ready').waitFor({ timeout: 60000 });
  } finally {
    await ctl('start', 'postgres');
    await ctl('start', 'redis');
  }
  await page.getByText('PostgreSQL is away').waitFor({ state: 'detached', timeout: 60000 });
});

test('outage: an open dashboard does not stay green while PostgreSQL is away', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  page.expects(/503/);
  const inner = page.locator('#verdict .verdict-inner');
  await ctl('stop', 'postgres');
  try {
    await until('the verdict is not known any more', async () => await inner.getAttribute('data-state') === 'unknown');
    check(/Not known since/.test(await inner.innerText()), 'it does not say since when');
    check(/PostgreSQL/.test(await inner.innerText()), 'it does not name PostgreSQL');
    check((await page.title()).startsWith('? '), 'the title of the tab does not tell');
    check(/icon-wrong/.test(await page.locator('link[rel=icon]').getAttribute('href')), 'the icon does not tell');
  } finally {
    await ctl('start', 'postgres');
  }
  await until('it is known again', async () => await inner.getAttribute('data-state') !== 'unknown');
  check(!(await page.title()).startsWith('? '), 'the title of the tab is still marked');
});

test('outage: an open dashboard says so when the network is gone', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  page.expects(/ERR_INTERNET_DISCONNECTED|Failed to load/);
  const inner = page.locator('#verdict .verdict-inner');
  await page.context().setOffline(true);
  await until('the verdict is not known any more', async () => await inner.getAttribute('data-state') === 'unknown', 60000);
  check(/cannot be reached/.test(await inner.innerText()), 'it does not say why');
  await page.context().setOffline(false);
  await until('it is known again', async () => await inner.getAttribute('data-state') !== 'unknown', 60000);
});
